"""Who takes part: every variant of every peer that a user could sensibly choose."""

from __future__ import annotations

from benchmarks.contestant import Mode, variant_of
from benchmarks.workloads import WORKLOADS

REDUCED = {"autocast", "cast", "fpmath", "bfloat16"}  # words of variants that are not in float32
LARGE = {"resnet18", "inception", "tinyyolo"}

TRAIN = ("eager", "compile", "autocast", "autocast+compile")
TRAIN_LARGE = (
    "channels_last", "channels_last+compile", "channels_last+fpmath",
    "channels_last+autocast", "channels_last+autocast+compile",
)  # fmt: skip
INFER = (
    "eager", "compile", "jit", "jit+onednn",
    "autocast", "autocast+compile", "autocast+jit+onednn",
    "cast", "cast+compile", "cast+jit", "cast+jit+onednn", "cast+compile+tuned",
)  # fmt: skip
INFER_LARGE = (
    "channels_last", "channels_last+compile", "channels_last+jit", "channels_last+jit+onednn",
    "channels_last+autocast", "channels_last+autocast+compile", "channels_last+autocast+jit+onednn",
    "channels_last+cast", "channels_last+cast+compile", "channels_last+cast+jit+onednn",
    "channels_last+fpmath",
)  # fmt: skip


def is_reduced(name: str) -> bool:
    """Whether any of its arithmetic is in less than float32."""
    return not REDUCED.isdisjoint(variant_of(name).split("+"))


def torch_variants(workload: str, mode: Mode) -> list[str]:
    """Every layout, precision and compiler; large networks in their better layout, and eager.

    torch.compile takes minutes for these.
    """
    small, images = (TRAIN, TRAIN_LARGE) if mode == "train" else (INFER, INFER_LARGE)
    if workload in LARGE:
        return ["eager", *images]
    if workload == "step" or len(WORKLOADS[workload].image) != 3:
        return [*small, "fpmath"]
    return [*small, *images]


def others(workload: str, mode: Mode) -> list[str]:
    """Peers that are not PyTorch, the slowest at the end."""
    if workload == "step":
        return []
    names = ["jax float32", "jax bfloat16"]
    if any(node.op == "lstm" for node in WORKLOADS[workload].network().nodes):
        names += ["jax float32+unroll", "jax bfloat16+unroll"]
    if mode == "infer":
        runtimes = ["onnxruntime float32", "openvino float32", "openvino bfloat16"]
        names = [*runtimes, *names]
    return [*names, "mlx float32"]


def peers(workload: str, mode: Mode, precisions: list[str], chosen: str = "all") -> list[str]:
    """Their names, such as "torch channels_last+autocast" or "jax float32".

    Args:
        workload: A name of `WORKLOADS`, or step.
        mode: train or infer.
        precisions: Of ours. Against float32 alone only peers in float32 count.
        chosen: all, or with commas: families ("torch"), or names; those behind a minus are left
            out ("all,-mlx,-torch compile").
    """
    names = [f"torch {variant}" for variant in torch_variants(workload, mode)]
    names += others(workload, mode)
    words = list(dict.fromkeys(word.strip() for word in chosen.split(",") if word.strip()))
    extra = [word for word in words if " " in word and word[0] != "-" and word not in names]
    if "all" not in words:
        names = [name for name in names if name in words or name.split()[0] in words]
    names += extra
    names = [n for n in names if f"-{n}" not in words and f"-{n.split()[0]}" not in words]
    if precisions == ["float32"]:
        names = [name for name in names if not is_reduced(name)]
    return names
