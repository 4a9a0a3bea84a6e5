"""Arithmetic on two values, as methods of a graph."""

from __future__ import annotations

from mpsnn._core import ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Arithmetic(Inputs):
    """The arithmetic ops of a graph."""

    def add(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """A + b, of one shape.

        Raises:
            ShapeError: If the shapes differ.
        """
        return self._add("add", ops.Add(), name, a=a, b=b)
