"""PyTorch as a contestant, in the variants that its users choose from.

A variant is made of words with + between:

    eager          as it is
    channels_last  images and weights in that layout
    compile        torch.compile; in inference with constants folded (freezing)
    tuned          with compile: it tries several kernels for each product and keeps the fastest
    jit            inference: traced, frozen, `optimize_for_inference`, which packs the weights
    onednn         with jit: oneDNN fuses what it can
    autocast       products in bfloat16, weights in float32
    cast           inference: weights and values in bfloat16
    malloc         large blocks of memory are kept, not returned (see driver.py); only by name
    fpmath         float32 outside, bfloat16 inside of products and convolutions

Fed like mpsnn: a fresh numpy batch at every step, here shared with the tensor, not copied, and in
the layout that the variant wants.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.contestant import Contestant, Task, scalar, variant_of
from benchmarks.torch_network import Stepper, build
from benchmarks.workloads import ADAM, SGD, STEP, WORKLOADS, Workload

COMMON = {"eager", "channels_last", "compile", "tuned", "autocast", "fpmath", "malloc"}
WORDS = {"train": COMMON, "infer": COMMON | {"jit", "onednn", "cast"}}


def contestant(name: str, task: Task) -> Contestant:
    """Steps of the usual training loop with fused updates, or of inference."""
    torch.set_num_threads(task.threads)
    torch.manual_seed(0)
    words = set(variant_of(name).split("+"))
    if unknown := words - WORDS[task.mode]:
        raise SystemExit(f"no variant {', '.join(unknown)} in {task.mode}")
    if "fpmath" in words:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]
        torch.backends.mkldnn.conv.fp32_precision = "bf16"  # type: ignore[attr-defined]
        torch.backends.mkldnn.rnn.fp32_precision = "bf16"  # type: ignore[attr-defined]
    if task.workload == "step":
        model: nn.Module = Stepper()
        return Contestant(_step(model.eval(), task.batch, words), _count(model))
    chosen = WORKLOADS[task.workload]
    model = build(chosen.network())
    if "channels_last" in words:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = [(_tensor(x, words), _truth(y, words)) for x, y in chosen.data(task.batch)]
    run = _train if task.mode == "train" else _infer
    count = _count(model)
    return Contestant(run(model, chosen, data, words), count)


def _count(model: nn.Module) -> int:
    """Parameters; an LSTM here has two biases, of which the second says nothing new."""
    named = model.named_parameters()
    return sum(p.numel() for name, p in named if not name.endswith("bias_hh_l0"))


def _tensor(data: Any, words: set[str]) -> torch.Tensor:
    """Images (N, H, W, C) or sequences (N, T, C), as the variant wants them."""
    layout = torch.channels_last if "channels_last" in words else torch.contiguous_format
    return torch.from_numpy(data).movedim(-1, 1).contiguous(memory_format=layout)


def _truth(data: Any, words: set[str]) -> torch.Tensor:
    return torch.from_numpy(data).long() if data.ndim == 1 else _tensor(data, words)


def _precision(words: set[str]) -> contextlib.AbstractContextManager[Any]:
    if "autocast" not in words:
        return contextlib.nullcontext()
    # Its cache of cast weights does not survive a step that has no gradient, nor a trace.
    return torch.autocast("cpu", torch.bfloat16, cache_enabled="jit" not in words)


def _compiled(function: Any, words: set[str]) -> Any:
    if "compile" not in words:
        return function
    return torch.compile(
        function, mode="max-autotune-no-cudagraphs" if "tuned" in words else "default"
    )


def _train(model: nn.Module, workload: Workload, data: Any, words: set[str]) -> Any:
    model.train()
    feed = itertools.cycle(data)
    if workload.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(
            model.parameters(), lr=ADAM["rate"], betas=(ADAM["beta1"], ADAM["beta2"]), fused=True
        )
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=SGD["rate"], momentum=SGD["momentum"], fused=True
        )
    classifies = workload.loss == "cross_entropy"
    loss_function = nn.functional.cross_entropy if classifies else nn.functional.mse_loss

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with _precision(words):
            result = model(x)
        return loss_function(result.float(), y)

    forward = _compiled(loss_of, words)

    def run(steps: int) -> Any:
        for _ in range(steps):
            loss = forward(*next(feed))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return scalar(loss.item())

    return run


def _infer(model: nn.Module, workload: Workload, data: Any, words: set[str]) -> Any:
    classifies = workload.loss == "cross_entropy"
    model = (nn.Sequential(model, nn.Softmax(dim=1)) if classifies else model).eval()
    kind = torch.float32
    if "cast" in words:
        kind = torch.bfloat16
        model = model.to(kind)
    images = [x.to(kind) for x, _ in data]
    forward, mode = _prepared(model, (images[0],), words)
    feed = itertools.cycle(images)

    def run(steps: int) -> Any:
        with mode(), _precision(words):
            for _ in range(steps):
                result = forward(next(feed)).float().numpy()
        return result if classifies else result.transpose(0, 2, 3, 1)

    return run


def _prepared(
    model: nn.Module, example: tuple[torch.Tensor, ...], words: set[str]
) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """The model as it is to be called, and the mode in which to call it."""
    if "jit" in words:
        fuse = "onednn" in words
        if fuse:
            torch.jit.enable_onednn_fusion(True)
        with torch.no_grad(), _precision(words):
            frozen = torch.jit.freeze(torch.jit.trace(model, example))  # type: ignore[no-untyped-call]
            # What packs the weights otherwise breaks the graphs that oneDNN has fused.
            prepared = frozen if fuse else torch.jit.optimize_for_inference(frozen)
            return prepared, torch.inference_mode
    if "compile" in words:
        import torch._inductor.config as inductor

        inductor.freezing = True  # constants folded: the fastest that it has
        return _compiled(model, words), torch.no_grad
    return model, torch.inference_mode


def _step(model: nn.Module, batch: int, words: set[str]) -> Any:
    kind = torch.bfloat16 if "cast" in words else torch.float32
    data = [torch.from_numpy(x).to(kind) for x in STEP.data(batch)]
    state = [torch.zeros(1, batch, STEP.units, dtype=kind) for _ in range(2)]
    forward, mode = _prepared(model.to(kind), (data[0], *state), words)
    feed = itertools.cycle(data)

    def run(steps: int) -> Any:
        with mode(), _precision(words):
            for _ in range(steps):
                y, *state[:] = forward(next(feed), *state)
                result = y.float().numpy()
        return result

    return run
