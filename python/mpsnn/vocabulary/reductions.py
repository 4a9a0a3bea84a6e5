"""Reductions, as methods of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value

Axes = int | Sequence[int] | None
"""One axis or several, negative from the last; None: all. The batch axis is not among them."""


class Reductions(Inputs):
    """The reductions ops of a graph."""

    def reduce_sum(
        self, x: Value, axis: Axes = None, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Sum over `axis`, which goes or, with `keep_axes`, becomes 1. Each image by itself.

        Args:
            x: Of any shape but ().
            axis: One axis or several, negative from the last; None: all.
            keep_axes: Whether the axes stay, with the extent 1.
            name: Of the node.

        Raises:
            ShapeError: If there is no such axis.
        """
        return self._reduce("sum", x, axis, keep_axes, name)

    def reduce_mean(
        self, x: Value, axis: Axes = None, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Mean over `axis`; (0, 1) is global average pooling. Arguments as `reduce_sum`."""
        return self._reduce("mean", x, axis, keep_axes, name)

    def reduce_min(
        self, x: Value, axis: Axes = None, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Smallest value over `axis`. Arguments as `reduce_sum`.

        The gradient goes to the first of equal ones, in row-major order.
        """
        return self._reduce("min", x, axis, keep_axes, name)

    def reduce_max(
        self, x: Value, axis: Axes = None, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Largest value over `axis`. Arguments as `reduce_sum`, gradient as `reduce_min`."""
        return self._reduce("max", x, axis, keep_axes, name)

    def global_avg_pool2d(self, x: Value, *, name: str | None = None) -> Value:
        """Mean over the pixels of an image, (H, W, C) to (C,).

        Raises:
            ShapeError: If `x` is no image.
        """
        return self._reduce("mean", self._whole_image("global_avg_pool2d", x), (0, 1), False, name)

    def global_max_pool2d(self, x: Value, *, name: str | None = None) -> Value:
        """Largest value over the pixels of an image, (H, W, C) to (C,).

        Raises:
            ShapeError: If `x` is no image.
        """
        return self._reduce("max", self._whole_image("global_max_pool2d", x), (0, 1), False, name)

    def _whole_image(self, op: str, x: Value) -> Value:
        self.check(op, "x", x)
        if len(x.shape) != 3:
            raise ShapeError(f"{op}: x must be an image (H, W, C), got {x.shape}")
        return x

    def argmin(
        self, x: Value, axis: Axes = -1, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Where `x` is smallest along `axis`, int32; the first of equal ones. Has no gradient.

        Args:
            x: Of any shape but ().
            axis: One axis, or several: the position is then counted along them in row-major
                order. None: all.
            keep_axes: Whether the axes stay, with the extent 1.
            name: Of the node.

        Raises:
            ShapeError: If there is no such axis.
        """
        return self._reduce("argmin", x, axis, keep_axes, name)

    def argmax(
        self, x: Value, axis: Axes = -1, *, keep_axes: bool = False, name: str | None = None
    ) -> Value:
        """Where `x` is largest along `axis`, int32. Arguments as `argmin`."""
        return self._reduce("argmax", x, axis, keep_axes, name)

    def _reduce(self, kind: str, x: Value, axis: Axes, keep_axes: bool, name: str | None) -> Value:
        self.check(kind, "x", x)
        rank = len(x.shape)
        given = range(rank) if axis is None else axis if isinstance(axis, Sequence) else [axis]
        axes = [arguments.integer(kind, "axis", a, -rank) for a in given]
        if any(a >= rank for a in axes):
            raise ShapeError(f"{kind}: axis must be from {-rank} to {rank - 1}, got {axis!r}")
        if len({a % rank for a in axes}) != len(axes):
            raise ShapeError(f"{kind}: axis must not name one twice, got {axis!r}")
        op = ops.Reduce(kind, [a % rank for a in axes], bool(keep_axes))
        return self._add(kind, op, name, x=x)
