"""What is measured: one batch stream per workload, the same for every contestant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BATCHES = 8  # distinct ones, so that nothing is measured on one set of warm inputs


@dataclass(frozen=True)
class Workload:
    """Shapes of one network. Images are NHWC, sequences (T, C), float32, ready to be fed."""

    name: str
    image: tuple[int, ...]
    classes: int

    def data(self, batch: int) -> list[tuple[NDArray[np.float32], NDArray[np.int32]]]:
        """`BATCHES` batches of noise and classes."""
        rng = np.random.default_rng(0)
        return [
            (
                rng.random((batch, *self.image), np.float32),
                rng.integers(self.classes, size=batch, dtype=np.int32),
            )
            for _ in range(BATCHES)
        ]


WORKLOADS = {
    "digits": Workload("digits", (28, 28, 1), 10),
    "activity": Workload("activity", (2000, 6), 6),
    "step": Workload("step", (1, 64), 6),
}
