"""PyTorch as a contestant, in the variants that its users choose from.

Fed like mpsnn: a fresh numpy batch at every step, here shared with the tensor, not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.workloads import WORKLOADS, Workload

VARIANTS = {
    "train": ("eager", "channels_last", "compile", "channels_last+compile"),
    "infer": ("eager", "channels_last", "compile", "channels_last+compile", "jit"),
}


def digits(classes: int) -> nn.Module:
    """The digits network, with PyTorch's own padding for `same`."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 1024),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(1024, classes),
    )


class Activity(nn.Module):
    """The activity classifier: convolution to 20 steps, LSTM, dense layers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(6, 64, 100, stride=100)
        self.lstm = nn.LSTM(64, 200, batch_first=True)
        self.dense = nn.Sequential(
            nn.Linear(200, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = torch.relu(self.convolution(x)).transpose(1, 2)
        return self.dense(self.lstm(steps)[0][:, -1])


class Stepper(nn.Module):
    """The activity classifier's LSTM, one step with its state in and out."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(64, 200, batch_first=True)
        self.dense = nn.Linear(200, classes)

    def forward(
        self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y, (h, c) = self.lstm(x, (h, c))
        return torch.softmax(self.dense(y[:, -1]), dim=1), h, c


NETWORKS = {"digits": digits, "activity": Activity}


def channels_first(data: np.ndarray[Any, Any]) -> torch.Tensor:
    """Images (N, H, W, C) or sequences (N, T, C) as PyTorch has them, in the same memory."""
    tensor = torch.from_numpy(data)
    return tensor.movedim(-1, 1)


def runner(
    variant: str, workload: str, mode: str, batch: int, precision: str, threads: int
) -> Callable[[int], None]:
    """Steps of the usual training loop with the fused Adam, or of inference."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    flags = set(variant.split("+"))
    chosen = WORKLOADS[workload]
    if workload == "step":
        return _step(chosen, batch, flags)
    model = NETWORKS[workload](chosen.classes)
    layout = torch.channels_last if "channels_last" in flags else torch.contiguous_format
    if len(chosen.image) == 3:
        model = model.to(memory_format=layout)
    else:
        layout = torch.contiguous_format
    data = [
        (channels_first(images), torch.from_numpy(labels).long())
        for images, labels in chosen.data(batch)
    ]
    if mode == "infer":
        return _infer(model.eval(), [x.contiguous(memory_format=layout) for x, _ in data], flags)
    return _train(model.train(), data, layout, flags)


def _train(
    model: nn.Module,
    data: list[tuple[torch.Tensor, torch.Tensor]],
    layout: torch.memory_format,
    flags: set[str],
) -> Callable[[int], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    prepared = [(x.contiguous(memory_format=layout), y) for x, y in data]

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(x), y)

    forward = torch.compile(loss_of) if "compile" in flags else loss_of

    def run(steps: int) -> None:
        for i in range(steps):
            loss = forward(*prepared[i % len(prepared)])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        loss.item()

    return run


def _step(workload: Workload, batch: int, flags: set[str]) -> Callable[[int], None]:
    model = Stepper(workload.classes).eval()
    data = [torch.from_numpy(x) for x, _ in workload.data(batch)]
    state = [torch.zeros(1, batch, 200), torch.zeros(1, batch, 200)]
    forward: Callable[..., Any] = model
    mode = torch.inference_mode
    if "jit" in flags:
        with torch.no_grad():
            traced = torch.jit.trace(model, (data[0], *state))
            forward = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    elif "compile" in flags:
        forward, mode = torch.compile(model), torch.no_grad

    def run(steps: int) -> None:
        with mode():
            for i in range(steps):
                y, *state[:] = forward(data[i % len(data)], *state)
                y.numpy()

    return run


def _infer(model: nn.Module, data: list[torch.Tensor], flags: set[str]) -> Callable[[int], None]:
    model = nn.Sequential(model, nn.Softmax(dim=1)).eval()
    forward: Callable[[torch.Tensor], torch.Tensor] = model
    mode = torch.inference_mode
    if "jit" in flags:
        with torch.no_grad():
            forward = torch.jit.optimize_for_inference(
                torch.jit.freeze(torch.jit.trace(model, data[0]))
            )
    elif "compile" in flags:
        import torch._inductor.config as inductor

        inductor.freezing = True  # constants folded: the fastest that it has
        forward, mode = torch.compile(model), torch.no_grad

    def run(steps: int) -> None:
        with mode():
            for i in range(steps):
                forward(data[i % len(data)]).numpy()

    return run
