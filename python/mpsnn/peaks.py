"""What this machine reaches at best: products of matrices, and copying. Measured, not assumed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from mpsnn import _core, arguments, layers
from mpsnn.arguments import Float
from mpsnn.graph import Graph
from mpsnn.predictor import Predictor
from mpsnn.values import Value

TIMES = 10  # each size is measured; the best counts
ENOUGH = 0.02  # seconds of one product: a larger one reaches no more
SIZES = (128, 256, 512, 1024, 2048)
COPIED = 2**24  # float32 values, 64 MiB: more than caches hold


def machine_peak(
    backend: str | None = None, *, precision: Float = "float32", threads: int | None = None
) -> dict[str, float]:
    """What the best of a few large products, and a few large copies, reach on this machine.

    They run on the engine itself, as nodes of networks of their own, once in a process for each
    choice of arguments: one or two seconds, and 300 MB meanwhile.

    Args:
        backend: One of `backend_names()`. None: the fastest here.
        precision: Of what the products read, as in `Trainer`.
        threads: As in `Trainer`.

    Returns:
        "gflops", of a dense layer, 10**9 flops per second; and "gigabytes", of adding a constant
        to 64 MiB, 10**9 bytes per second that are read and written.

    Raises:
        UnsupportedError: If there is no such backend, it lacks the precision, or it does not run
            node by node.
    """
    arguments.choice("machine_peak", "precision", precision, ("float32", "bfloat16", "float16"))
    name = backend or _core.backend_names()[0]
    count = 0 if threads is None else arguments.integer("machine_peak", "threads", threads, 1)
    return {
        "gflops": product_gflops(name, precision, count),
        "gigabytes": copy_gigabytes(name, count),
    }


@functools.cache
def product_gflops(backend: str, precision: Float, threads: int) -> float:
    """Of a square product, in the size that is best, 10**9 flops per second."""
    best = 0.0
    for size in SIZES:
        graph = Graph(seed=0)
        y = layers.Dense(size, bias=False)(graph.input(size))
        seconds = _best(y, "dense", size, backend, threads, precision)
        best = max(best, 2 * size**3 / seconds / 1e9)
        if seconds > ENOUGH:
            break
    return best


@functools.cache
def copy_gigabytes(backend: str, threads: int) -> float:
    """Of a value that no cache holds, 10**9 bytes per second, reads and writes together."""
    images = 64
    graph = Graph(seed=0)
    x = graph.input(COPIED // images)
    seconds = _best(x + 1.0, "linear", images, backend, threads)
    return 2 * 4 * COPIED / seconds / 1e9


def _best(
    y: Value, op: str, images: int, backend: str, threads: int, precision: Float = "float32"
) -> float:
    """The least time of the node that computes y, of a few runs, in seconds."""
    predictor = Predictor(
        y, batch=images, backend=backend, threads=threads or None, precision=precision
    )
    (x,) = y.graph.inputs
    data: Any = np.random.default_rng(0).standard_normal((images, *x.shape), np.float32)
    runs = [predictor._core.profile([(x.id, data)], 1) for _ in range(1 + TIMES)]
    return min(min(node.seconds) for run in runs for node in run.nodes if node.op == op)
