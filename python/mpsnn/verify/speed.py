"""How fast a training step is beside another backend's, measured in alternation."""

from __future__ import annotations

import statistics
from time import perf_counter
from typing import Any

import numpy as np

from mpsnn import _core, layers
from mpsnn.graph import Graph
from mpsnn.optim import SGD
from mpsnn.training import Trainer
from mpsnn.verify.checks import Outcome, refused_or_failed

BATCHES = (8, 64)
ROUNDS = 5


class Contestant:
    """Training steps of a small convolutional network on one backend."""

    def __init__(self, backend: str, batch: int) -> None:
        g = Graph(seed=0)
        x, truth = g.input(16, 16, 3), g.labels(10)
        for channels in (16, 32):
            x = g.max_pool2d(g.relu(layers.Conv2d(channels, kernel=3)(x)), 2)
        loss = g.softmax_cross_entropy(layers.Dense(10)(x), truth)
        self.trainer = Trainer(loss, optimizer=SGD(0.01), batch=batch, backend=backend)
        rng = np.random.default_rng(0)
        self.images = rng.standard_normal((batch, 16, 16, 3)).astype(np.float32)
        self.labels = rng.integers(0, 10, batch)

    def seconds(self, steps: int) -> float:
        """Of one step, two under way at a time."""
        started = perf_counter()
        for _ in range(steps):
            step = self.trainer.train_step(self.images, self.labels)
        step.wait()
        return (perf_counter() - started) / steps

    def steps_in(self, seconds: float) -> int:
        """How many steps take about so long."""
        self.seconds(2)  # the first ones prepare kernels
        return min(max(2, round(seconds / self.seconds(2))), 2000)


def peer_of(backend: str) -> str:
    """What `backend` is compared with: `cpu`, or the reference where that is missing."""
    others = [name for name in ("cpu", "reference") if name != backend]
    return next(name for name in others if name in _core.backend_names())


def compare(backend: str, batch: int, seconds: float) -> Outcome:
    """Images per second of `backend`, divided by those of its peer: the median of the rounds."""

    def run() -> Outcome:
        pair = [Contestant(name, batch) for name in (backend, peer_of(backend))]
        steps = [contestant.steps_in(seconds) for contestant in pair]
        ratios = []
        for _ in range(ROUNDS):
            ours, theirs = (c.seconds(n) for c, n in zip(pair, steps, strict=True))
            ratios.append(theirs / ours)
        for contestant in pair:
            contestant.trainer.close()
        found: dict[str, Any] = {"ratio": statistics.median(ratios)}
        return {"status": "measured", **found, "lowest": min(ratios), "highest": max(ratios)}

    return refused_or_failed(run)
