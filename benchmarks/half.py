"""`python -m benchmarks.half`: convolutions that add up in float16, beside float32 and bfloat16."""

from __future__ import annotations

import json
import os
import statistics
import time
from typing import Annotated, Any

import numpy as np
import typer

import mpsnn
from mpsnn import Graph, Predictor, layers

SHAPES = [(56, 64, 3), (28, 128, 3), (14, 256, 3), (14, 512, 1)]  # pixels, channels, kernel
DEPTH = 4  # convolutions behind each other, so that images in and out cost little beside them

WAYS: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "half": {"precision": "float32", "accumulator": "half"},
}


def network(
    pixels: int, channels: int, kernel: int, batch: int, threads: int, way: dict[str, Any]
) -> Predictor:
    """Some convolutions of one shape, and the mean of their last image."""
    g = Graph(seed=0)
    y = g.input(pixels, pixels, channels)
    for _ in range(DEPTH):
        accumulator = way.get("accumulator", "single")
        y = g.relu(layers.Conv2d(channels, kernel, accumulator=accumulator)(y))
    options = {"batch": batch, "backend": "cpu", "threads": threads}
    return Predictor(g.reduce_mean(y, (0, 1)), precision=way["precision"], **options)


def measure(
    shape: tuple[int, int, int], batch: int, threads: int, rounds: int
) -> dict[str, object]:
    """Every way in turn, again and again; the median and the least count."""
    pixels, channels, kernel = shape
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, pixels, pixels, channels)).astype(np.float32)
    nets, missing = {}, {}
    for name, way in WAYS.items():
        try:
            nets[name] = network(*shape, batch, threads, way)
        except mpsnn.UnsupportedError as reason:
            missing[name] = str(reason)
    times: dict[str, list[float]] = {name: [] for name in nets}
    for round_ in range(rounds + 1):
        for name, net in nets.items():
            start = time.perf_counter()
            net.infer(images)
            if round_:  # the first one packs the weights
                times[name].append((time.perf_counter() - start) * 1e3)
    work = DEPTH * batch * 2e-9 * pixels**2 * channels**2 * kernel**2
    least = {name: min(ms) for name, ms in times.items()}
    return {
        "workload": "half",
        "shape": f"{kernel}x{kernel}, {channels} channels, {pixels}x{pixels}, batch {batch}",
        "median_ms": {name: statistics.median(ms) for name, ms in times.items()},
        "least_ms": least,
        "gflops": {name: work / ms * 1e3 for name, ms in least.items()},
        "float32_over": {name: least["float32"] / ms for name, ms in least.items()},
        "missing": missing,
    }


def main(
    batch: Annotated[int, typer.Option(min=1, help="images at once")] = 8,
    threads: Annotated[int, typer.Option(min=1, help="of the kernels")] = os.cpu_count() or 1,
    rounds: Annotated[int, typer.Option(min=1, help="of every way, in alternation")] = 15,
) -> None:
    """One line of JSON for each shape."""
    for shape in SHAPES:
        print(json.dumps(measure(shape, batch, threads, rounds)), flush=True)


if __name__ == "__main__":
    typer.run(main)
