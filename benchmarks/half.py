"""`python -m benchmarks.half`: convolutions that add up in float16, beside float32 and bfloat16."""

from __future__ import annotations

import datetime
import json
import os
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import mpsnn
from benchmarks import machine
from benchmarks.measure import Row, append
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


def _convolution(net: Predictor) -> str:
    """What runs it."""
    nodes = net.profile(1).nodes
    return next(node.implementation for node in nodes if node.op == "conv2d")


def measure(shape: tuple[int, int, int], batch: int, threads: int, rounds: int) -> Row:
    """Every way in turn, again and again: a row for the page."""
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
    ms = {name: statistics.median(each) for name, each in times.items()}
    work = DEPTH * batch * 2e-6 * pixels**2 * channels**2 * kernel**2  # millions
    return {
        "section": "half",
        "workload": f"{kernel} x {kernel}, {channels} channels, {pixels} x {pixels}",
        "batch": batch,
        "threads": threads,
        "rounds_ms": times,
        "ms": ms,
        "gflops": {name: work / each for name, each in ms.items()},
        "by": _convolution(nets["half"]),
        "missing": missing,
    }


def main(
    batch: Annotated[int, typer.Option(min=1, help="images at once")] = 8,
    threads: Annotated[int, typer.Option(min=1, help="of the kernels")] = os.cpu_count() or 1,
    rounds: Annotated[int, typer.Option(min=1, help="of every way, in alternation")] = 15,
    out: Annotated[Path | None, typer.Option(help="append to this file of results")] = None,
) -> None:
    """One line of JSON for each shape."""
    common = {"date": datetime.date.today().isoformat(), "machine": machine.description()}
    for shape in SHAPES:
        row = {**measure(shape, batch, threads, rounds), **common}
        print(json.dumps(row), flush=True)
        if out:
            append(out, row)


if __name__ == "__main__":
    typer.run(main)
