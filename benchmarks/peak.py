"""What the machine can do: `python -m benchmarks.peak THREADS`, a line of JSON.

Products of square matrices, the fastest of several sizes and tries, by PyTorch's libraries where it
is installed and else by numpy's, which has no bfloat16; and copies, reading and writing counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import machine

SIZES = (1024, 2048, 4096)
COPIES = {"small": 8 * 2**20, "large": 256 * 2**20}  # bytes: within a cache, and beyond it
TRIES = 9


def fastest(function: Callable[[], object]) -> float:
    """Seconds of the fastest of several calls."""
    function()
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def products(multiplier: Callable[[int], Callable[[], object]]) -> float:
    """GFLOP/s of the size that does best."""
    return max(2e-9 * n**3 / fastest(multiplier(n)) for n in SIZES)


def by_numpy() -> dict[str, float]:
    def multiplier(n: int) -> Callable[[], object]:
        a, b, out = (np.ones((n, n), np.float32) for _ in range(3))
        return lambda: np.matmul(a, b, out=out)

    def copier(size: int) -> Callable[[], object]:
        a, out = (np.ones(size // 4, np.float32) for _ in range(2))
        return lambda: np.copyto(out, a)

    return {
        "float32_gflops": products(multiplier),
        **{f"{n}_copy_gbs": 2e-9 * size / fastest(copier(size)) for n, size in COPIES.items()},
    }


def fast_types() -> list[str]:
    """In which PyTorch multiplies fast on this machine.

    Without AVX-512 it multiplies bfloat16 by plain loops, a hundred times slower than float32: a
    large product takes a minute.
    """
    extensions = machine.description()["extensions"]
    slow = "avx2" in extensions and "avx512f" not in extensions
    return ["float32"] if slow else ["float32", "bfloat16"]


def torch_products() -> dict[str, Callable[[int], Callable[[], object]]]:
    """By type, what makes a product of square matrices of a size by PyTorch."""
    import torch

    def multiplier(kind: torch.dtype) -> Callable[[int], Callable[[], object]]:
        def of(n: int) -> Callable[[], object]:
            a, b, out = (torch.ones(n, n, dtype=kind) for _ in range(3))
            return lambda: torch.mm(a, b, out=out)

        return of

    return {name: multiplier(getattr(torch, name)) for name in fast_types()}


def by_torch(threads: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(threads)

    def copier(size: int) -> Callable[[], object]:
        a, out = torch.ones(size // 4), torch.ones(size // 4)
        return lambda: out.copy_(a)

    return {
        **{f"{name}_gflops": products(of) for name, of in torch_products().items()},
        **{f"{n}_copy_gbs": 2e-9 * size / fastest(copier(size)) for n, size in COPIES.items()},
    }


def measured(threads: int) -> dict[str, float | str]:
    """The figures, and whose they are."""
    try:
        return {"by": "PyTorch", **by_torch(threads)}
    except ImportError:
        return {"by": "numpy", **by_numpy()}


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
