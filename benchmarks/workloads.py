"""What is measured: a network, its loss and update, and one stream of batches for everyone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import zoo
from benchmarks.networks import Network

BATCHES = 8  # distinct ones, so that nothing is measured on one set of warm inputs
MOST_BYTES = 32 * 2**20  # of them all, so that their memory is small beside the network's

ADAM = {"rate": 1e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
SGD = {"rate": 1e-3, "momentum": 0.9}


@dataclass(frozen=True)
class Workload:
    """A network with its loss, cross-entropy or the squared error to a map, and its update rule."""

    name: str
    network: Callable[[], Network]
    optimizer: Literal["adam", "sgd"]
    batch: int  # the usual one, in training
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"

    @property
    def image(self) -> tuple[int, ...]:
        """Of one image, (H, W, C) or (T, C)."""
        return self.network().nodes[0].shape

    @property
    def result(self) -> tuple[int, ...]:
        """Of the network: classes (K,), or a map (H, W, C)."""
        return self.network().nodes[-1].shape

    def data(self, batch: int) -> list[tuple[NDArray[np.float32], NDArray[Any]]]:
        """Batches of noise, each with classes, int32 (N,), or with a map to reach, float32."""
        return noise(batch, self.image, self.result, classes=self.loss == "cross_entropy")


def noise(
    batch: int, image: tuple[int, ...], result: tuple[int, ...], *, classes: bool
) -> list[tuple[NDArray[np.float32], NDArray[Any]]]:
    """2 to `BATCHES` batches."""
    rng = np.random.default_rng(0)
    count = MOST_BYTES // (4 * batch * math.prod(image))
    return [
        (
            rng.random((batch, *image), np.float32),
            rng.integers(result[0], size=batch, dtype=np.int32)
            if classes
            else rng.standard_normal((batch, *result), np.float32),
        )
        for _ in range(min(max(count, 2), BATCHES))
    ]


WORKLOADS = {
    w.name: w
    for w in (
        Workload("digits", zoo.digits, "adam", 64),
        Workload("activity", zoo.activity, "adam", 32),
        Workload("resnet18", zoo.resnet18, "sgd", 64),
        Workload("inception", zoo.inception, "sgd", 8),
        Workload("tinyyolo", zoo.tinyyolo, "sgd", 8, "squared_error"),
    )
}


@dataclass(frozen=True)
class Step:
    """One step of the activity classifier's LSTM, with its state in and out."""

    image: tuple[int, ...] = (1, 64)
    units: int = 200
    classes: int = 6

    def data(self, batch: int) -> list[NDArray[np.float32]]:
        """Batches of noise."""
        return [x for x, _ in noise(batch, self.image, (self.classes,), classes=True)]


STEP = Step()
