"""Pooling of sequences, as methods of a graph."""

from __future__ import annotations

from typing import Any

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.values import Value
from mpsnn.vocabulary.convolution1d import Convolution1d, Padding1d, sides_of
from mpsnn.vocabulary.pooling import Edge, Pooling


class Pooling1d(Pooling, Convolution1d):
    """Pools of sequences, made of those of images of one row."""

    def max_pool1d(
        self,
        x: Value,
        kernel: int,
        *,
        stride: int | None = None,
        padding: Padding1d = "valid",
        dilation: int = 1,
        edge: Edge = "clamp",
        name: str | None = None,
    ) -> Value:
        """Largest value of each window, (T, C) to (T', C). As `max_pool2d` of one row.

        Args:
            x: Sequence, (T, C).
            kernel: Length of the window.
            stride: Step of the window; None: the kernel.
            padding: "same", "valid", one number, or (before, after).
            dilation: Distance of the window's positions.
            edge: As in `max_pool2d`.
            name: Of the node.

        Raises:
            ShapeError: If the window does not fit.
        """
        step = (1, arguments.integer("max_pool1d", "dilation", dilation, 1))
        options = {"dilation": step, "edge": edge}
        return self._pool1d("max", x, kernel, stride, padding, options, name)

    def avg_pool1d(
        self,
        x: Value,
        kernel: int,
        *,
        stride: int | None = None,
        padding: Padding1d = "valid",
        edge: Edge = "clamp",
        name: str | None = None,
    ) -> Value:
        """Mean of each window, (T, C) to (T', C). Arguments as `max_pool1d`."""
        options = {"edge": edge}
        return self._pool1d("avg", x, kernel, stride, padding, options, name)

    def _pool1d(
        self,
        kind: str,
        x: Value,
        kernel: int,
        stride: int | None,
        padding: Padding1d,
        options: dict[str, Any],
        name: str | None,
    ) -> Value:
        op = f"{kind}_pool1d"
        self.check(op, "x", x)
        if len(x.shape) != 2 or not self.core.batched(x.id) or x.dtype != "float32":
            raise ShapeError(f"{op}: x must be a sequence (T, C) per image, float32, got {x!r}")
        length = arguments.integer(op, "kernel", kernel, 1)
        step = length if stride is None else arguments.integer(op, "stride", stride, 1)
        options |= {"stride": (1, step), "padding": sides_of(op, padding)}
        # Tried on a graph of its own first: a refused pool leaves no reshape behind.
        trial = type(self)()
        getattr(trial, f"{kind}_pool2d")(trial.input(1, *x.shape), (1, length), **options)
        row = self.reshape(x, 1, *x.shape)
        y: Value = getattr(self, f"{kind}_pool2d")(row, (1, length), **options)
        return self.reshape(y, *y.shape[1:], name=name)
