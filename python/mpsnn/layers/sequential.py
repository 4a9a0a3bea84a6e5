"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from mpsnn.layers.base import appended, value_of
from mpsnn.values import Value

Layer = Callable[[Value], Value]
"""What makes a value of another: a layer, a `Sequential`, or any function."""


@dataclass(frozen=True)
class Sequential:
    """Layers, each of the result of the one before. It is a layer itself.

    Args:
        layers: Layers, or functions of one value.

    Raises:
        TypeError: If one of them cannot be called.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        for layer in self.layers:
            if not callable(layer) or isinstance(layer, type):
                raise TypeError(f"sequential: layers must be layers or functions, got {layer!r}")

    def __call__(self, x: Value) -> Value:
        """What the last of them makes; if one is refused, the graph stays as it was."""
        return appended(self._append, value_of("sequential", x))

    def _append(self, x: Value) -> Value:
        return reduce(lambda value, layer: layer(value), self.layers, x)
