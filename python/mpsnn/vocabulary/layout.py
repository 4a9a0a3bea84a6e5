"""Reshaping and joining, as methods of a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mpsnn import arguments
from mpsnn._core import ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Layout(Inputs):
    """The layout ops of a graph."""

    def reshape(self, x: Value, *shape: int, name: str | None = None) -> Value:
        """The same values, in row-major order, under another `shape`; costs nothing.

        Raises:
            ShapeError: If the number of elements would change.
        """
        op = ops.Reshape(arguments.shape("reshape", "shape", shape))
        return self._add("reshape", op, name, x=x)

    def flatten(self, x: Value, *, name: str | None = None) -> Value:
        """`x` as (size of x,), in row-major order; costs nothing."""
        self.check("flatten", "x", x)
        return self.reshape(x, math.prod(x.shape), name=name)

    def concat(self, values: Sequence[Value], *, axis: int = -1, name: str | None = None) -> Value:
        """Values side by side along `axis`, counted without the batch axis.

        Raises:
            ShapeError: If another axis differs, or there is no such axis.
        """
        if isinstance(values, Value) or not isinstance(values, Sequence):
            raise TypeError(f"concat: values must be a sequence, got {type(values).__name__}")
        ids = [self.check("concat", f"values[{i}]", v) for i, v in enumerate(values)]
        op = ops.Concat(arguments.integer("concat", "axis", axis, -4))
        return self._append("concat", op, ids, name)
