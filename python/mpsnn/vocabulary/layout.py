"""Reshaping, joining, cutting and padding, as methods of a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias

from mpsnn import arguments, indexing
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value

PadMode = Literal["constant", "clamp", "mirror", "mirror_with_edge"]
"""What is around a padded value: a number, its nearest element, or its mirror image."""

Margins = int | tuple[int, int, int, int]
"""One number for all sides of an image, or (top, bottom, left, right), in pixels."""

Bounds: TypeAlias = Sequence[SupportsIndex | None]


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

    def slice(
        self,
        x: Value,
        start: Bounds,
        stop: Bounds,
        step: int | Sequence[int] = 1,
        *,
        name: str | None = None,
    ) -> Value:
        """x[start:stop:step] on every axis, as in numpy; also written `x[1:3, ::2]`.

        Args:
            x: Of any shape. Its batch axis is not cut.
            start: First element, for each axis; negative: from the end; None: the first.
            stop: The one behind the last, in the same way; None: to the end.
            step: On all axes, or for each, at least 1.
            name: Of the node.

        Raises:
            ShapeError: If nothing is left of an axis, or an axis has no number.
        """
        self.check("slice", "x", x)
        rank = len(x.shape)
        starts = _per_axis("slice", "start", start, rank)
        stops = _per_axis("slice", "stop", stop, rank)
        each = step if isinstance(step, tuple | list) else (step,) * rank
        steps = _per_axis("slice", "step", each, rank)
        return self._cut(x, list(map(_range, starts, stops, steps)), name)

    def item(self, x: Value, index: indexing.Index) -> Value:
        """x[index]: what `Value` does with brackets. Ints drop their axis.

        Raises:
            IndexError: If an int is outside of its axis.
            ShapeError: If nothing is left of an axis, or there are more entries than axes.
        """
        self.check("slice", "x", x)
        entries = indexing.entries(index, x.shape)
        ranges = [_range(e, e + 1, 1) if isinstance(e, int) else e for e in entries]
        y = self._cut(x, ranges, None)
        if all(not isinstance(e, int) for e in entries):
            return y
        kept = [n for n, e in zip(y.shape, entries, strict=True) if not isinstance(e, int)]
        return self.reshape(y, *kept)

    def pad(
        self,
        x: Value,
        before: Sequence[int],
        after: Sequence[int],
        mode: PadMode = "constant",
        value: float = 0.0,
        *,
        name: str | None = None,
    ) -> Value:
        """`x` with more elements around it. The batch axis is not padded.

        Args:
            x: Of any shape.
            before: How many come before the first element, for each axis.
            after: How many come behind the last, for each axis.
            mode: "constant": all are `value`. "clamp": the nearest element. "mirror": x
                reflected at its edge elements, which are not repeated (numpy "reflect").
                "mirror_with_edge": they are (numpy "symmetric").
            value: Of the "constant" mode.
            name: Of the node.

        Raises:
            ShapeError: If a mirror would need more elements than x has.
        """
        self.check("pad", "x", x)
        rank = len(x.shape)
        front = [
            arguments.integer("pad", "before", n) for n in _per_axis("pad", "before", before, rank)
        ]
        back = [
            arguments.integer("pad", "after", n) for n in _per_axis("pad", "after", after, rank)
        ]
        arguments.choice("pad", "mode", mode, ("constant", "clamp", "mirror", "mirror_with_edge"))
        op = ops.Pad(front, back, mode, arguments.real("pad", "value", value))
        return self._add("pad", op, name, x=x)

    def zero_pad2d(self, x: Value, padding: Margins, *, name: str | None = None) -> Value:
        """Image `x` with zeros around it, (H, W, C) to (H + top + bottom, W + left + right, C).

        Raises:
            ShapeError: If `x` is no image, or a number is not accepted.
        """
        top, bottom, left, right = self._margins("zero_pad2d", "padding", x, padding)
        return self.pad(x, (top, left, 0), (bottom, right, 0), name=name)

    def crop2d(self, x: Value, cropping: Margins, *, name: str | None = None) -> Value:
        """Image `x` without its margins, (H, W, C) to (H - top - bottom, W - left - right, C).

        Raises:
            ShapeError: If `x` is no image, or nothing is left of it.
        """
        top, bottom, left, right = self._margins("crop2d", "cropping", x, cropping)
        height, width, channels = x.shape
        if top + bottom >= height or left + right >= width:
            raise ShapeError(f"crop2d: cropping {cropping!r} leaves nothing of x {x.shape}")
        stop = (height - bottom, width - right, channels)
        return self.slice(x, (top, left, 0), stop, name=name)

    def transpose(self, x: Value, *order: int, name: str | None = None) -> Value:
        """Axis i of the result is axis order[i] of `x`, counted without the batch axis.

        Raises:
            ShapeError: If `order` does not name each axis once.
        """
        self.check("transpose", "x", x)
        axes = [
            arguments.integer("transpose", "order", axis)
            for axis in _per_axis("transpose", "order", order, len(x.shape))
        ]
        return self._add("transpose", ops.Transpose(axes), name, x=x)

    def stop_gradient(self, x: Value, *, name: str | None = None) -> Value:
        """`x`, through which no gradient passes: what it depends on does not learn from here."""
        return self._add("stop_gradient", ops.StopGradient(), name, x=x)

    def _cut(self, x: Value, ranges: Sequence[Any], name: str | None) -> Value:
        """One slice of `ranges` for each axis."""
        cuts = [indexing.bounds(r, n) for r, n in zip(ranges, x.shape, strict=True)]
        op = ops.Slice(*([cut[i] for cut in cuts] for i in range(3)))
        return self._add("slice", op, name, x=x)

    def _margins(
        self, op: str, argument: str, x: Value, value: Margins
    ) -> tuple[int, int, int, int]:
        """`value` as (top, bottom, left, right) of the image `x`."""
        self.check(op, "x", x)
        if len(x.shape) != 3:
            raise ShapeError(f"{op}: x must be an image (H, W, C), got {x.shape}")
        sides = value if isinstance(value, tuple | list) else (value,) * 4
        if len(sides) != 4:
            raise ShapeError(
                f"{op}: {argument} must be one integer or (top, bottom, left, right), got {value!r}"
            )
        top, bottom, left, right = (arguments.integer(op, argument, side) for side in sides)
        return top, bottom, left, right


_range = slice  # inside of the class, `slice` is the method


def _per_axis(op: str, argument: str, values: object, rank: int) -> list[Any]:
    """`values` as a list, one for each of `rank` axes."""
    if not isinstance(values, tuple | list):
        raise TypeError(f"{op}: {argument} must be a tuple or list, got {values!r}")
    if len(values) != rank:
        raise ShapeError(
            f"{op}: {argument} must have one number for each of {rank} axes, got {values!r}"
        )
    return list(values)
