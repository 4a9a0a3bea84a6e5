"""Activation functions and dropout."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn.layers.base import value_of
from mpsnn.values import Value


@dataclass(frozen=True)
class ReLU:
    """max(x, 0), as `Graph.relu`."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("relu", x).graph.relu(x)


@dataclass(frozen=True)
class Dropout:
    """Zeroes elements while training, as `Graph.dropout`.

    Args:
        rate: Probability of zero, at least 0 and less than 1.
    """

    rate: float = 0.5

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("dropout", x).graph.dropout(x, self.rate)
