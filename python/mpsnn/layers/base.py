"""What every layer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mpsnn.graph import Graph
from mpsnn.values import Value

Result = TypeVar("Result")


def appended(append: Callable[[Value], Result], x: Value) -> Result:
    """`append(x)`, tried on a graph of its own first: what is refused leaves no weights."""
    append(Graph().input(*x.shape))
    return append(x)


def value_of(op: str, x: Value) -> Value:
    if not isinstance(x, Value):
        raise TypeError(f"{op}: x must be a Value, got {type(x).__name__}")
    return x
