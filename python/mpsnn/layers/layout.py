"""Other shapes for the same values."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn.layers.base import value_of
from mpsnn.values import Value


@dataclass(frozen=True)
class Flatten:
    """(...) to (size of x,), in row-major order."""

    def __call__(self, x: Value) -> Value:
        """The same values on one axis."""
        return value_of("flatten", x).graph.flatten(x)
