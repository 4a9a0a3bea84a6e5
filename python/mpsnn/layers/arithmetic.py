"""Layers of several values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from mpsnn.layers.base import value_of
from mpsnn.values import Value


def _merged(op: str, values: Sequence[Value], merge: Callable[[Value, Value], Value]) -> Value:
    if isinstance(values, Value) or not isinstance(values, Sequence) or not values:
        raise TypeError(f"{op}: values must be a sequence of at least one Value, got {values!r}")
    for x in values:
        value_of(op, x)
    return reduce(merge, values)


@dataclass(frozen=True)
class Add:
    """Sum of several values, whose axes are aligned as in `Graph.add`."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        return _merged("add", values, lambda a, b: a.graph.add(a, b))


@dataclass(frozen=True)
class Multiply:
    """Product of several values, element by element."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        return _merged("multiply", values, lambda a, b: a.graph.multiply(a, b))


@dataclass(frozen=True)
class Average:
    """Mean of several values, element by element."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        return _merged("average", values, lambda a, b: a.graph.add(a, b)) * (1 / len(values))


@dataclass(frozen=True)
class Maximum:
    """Largest of several values, element by element."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        return _merged("maximum", values, lambda a, b: a.graph.maximum(a, b))


@dataclass(frozen=True)
class Minimum:
    """Least of several values, element by element."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        return _merged("minimum", values, lambda a, b: a.graph.minimum(a, b))


@dataclass(frozen=True)
class Subtract:
    """The first of two values minus the second."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of their common shape."""
        if not isinstance(values, Value) and len(values) != 2:
            raise TypeError(f"subtract: values must be two, got {len(values)}")
        return _merged("subtract", values, lambda a, b: a.graph.subtract(a, b))


@dataclass(frozen=True)
class Rescaling:
    """X * scale + offset, for example of pixels to -1 to 1.

    Args:
        scale: Multiplies.
        offset: Is added.
    """

    scale: float
    offset: float = 0.0

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("rescaling", x).graph.linear(x, self.scale, self.offset)
