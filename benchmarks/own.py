"""What needs no peer: the price of a call from Python, and memory over many steps."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

import mpsnn
from benchmarks import ours
from benchmarks.workloads import WORKLOADS
from mpsnn import Graph, layers


def overhead(threads: int, rounds: int = 7, steps: int = 2000) -> dict[str, object]:
    """A one-layer net at batch 1: `train_step` and `wait` from Python over the engine's own time.

    The engine's own time is what its thread spent in the step; the difference is Python, the
    checks, the copies, and two threads waking each other.
    """
    g = Graph()
    logits = layers.Dense(4)(g.input(16))
    loss = g.softmax_cross_entropy(logits, g.labels(4))
    trainer = mpsnn.Trainer(loss, batch=1, threads=threads)
    image, label = np.ones((1, 16), np.float32), np.zeros(1, np.int32)
    python, engine = [], []
    for _ in range(rounds + 1):
        start, busy = time.perf_counter(), trainer.busy_seconds
        for _ in range(steps):
            trainer.train_step(image, label).wait()
        python.append((time.perf_counter() - start) / steps * 1e6)
        engine.append((trainer.busy_seconds - busy) / steps * 1e6)
    return {
        "workload": "overhead",
        "python_us": statistics.median(python[1:]),  # the first round warms up
        "engine_us": statistics.median(engine[1:]),
        "overhead_us": statistics.median(
            p - e for p, e in zip(python[1:], engine[1:], strict=True)
        ),
    }


def resident_bytes() -> int:
    """Of this process, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def memory(batch: int, threads: int, steps: int = 20_000) -> dict[str, object]:
    """The digits arena, and the growth of a small net's process over many steps."""
    _, loss, _ = ours.network(WORKLOADS["digits"])
    report = mpsnn.Trainer(loss, batch=batch, threads=threads).memory_report()
    g = Graph()
    x = g.max_pool2d(g.relu(layers.Conv2d(4, kernel=3)(g.input(8, 8, 1))), 2)
    small = g.softmax_cross_entropy(layers.Dense(4)(g.dropout(x)), g.labels(4))
    trainer = mpsnn.Trainer(small, batch=8, threads=threads)
    images, labels = np.ones((8, 8, 8, 1), np.float32), np.zeros(8, np.int32)

    def run(n: int) -> None:
        for _ in range(n):
            step = trainer.train_step(images, labels)
        step.wait()

    run(1000)
    before = resident_bytes()
    run(steps)
    return {
        "workload": "memory",
        "batch": batch,
        **report,
        "arena_share": report["arena_bytes"] / report["unshared_bytes"],
        "steps": steps,
        "growth_bytes": resident_bytes() - before,
    }
