"""Other shapes for the same values, and parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpsnn._core import ShapeError
from mpsnn.layers.base import value_of
from mpsnn.values import Value
from mpsnn.vocabulary.layout import Margins


@dataclass(frozen=True)
class Flatten:
    """(...) to (size of x,), in row-major order."""

    def __call__(self, x: Value) -> Value:
        """The same values on one axis."""
        return value_of("flatten", x).graph.flatten(x)


@dataclass(frozen=True)
class Reshape:
    """The same values under another shape, as `Graph.reshape`.

    Args:
        shape: Of the result, without the batch axis.
    """

    shape: tuple[int, ...]

    def __call__(self, x: Value) -> Value:
        """Of the layer's shape."""
        return value_of("reshape", x).graph.reshape(x, *self.shape)


@dataclass(frozen=True)
class Permute:
    """Axes in another order, as `Graph.transpose`.

    Args:
        order: Axis of `x` that each axis of the result is, counted from 0 without the batch
            axis. (Keras counts from 1.)
    """

    order: tuple[int, ...]

    def __call__(self, x: Value) -> Value:
        """The same values, moved."""
        return value_of("transpose", x).graph.transpose(x, *self.order)


@dataclass(frozen=True)
class ZeroPadding2d:
    """Zeros around an image. (H, W, C) to (H + top + bottom, W + left + right, C).

    Args:
        padding: One number for all sides, or (top, bottom, left, right), in pixels.
    """

    padding: Margins = 1

    def __call__(self, x: Value) -> Value:
        """The larger image."""
        return value_of("zero_pad2d", x).graph.zero_pad2d(x, self.padding)


@dataclass(frozen=True)
class Cropping2d:
    """An image without its margins. (H, W, C) to (H - top - bottom, W - left - right, C).

    Args:
        cropping: One number for all sides, or (top, bottom, left, right), in pixels.
    """

    cropping: Margins = 1

    def __call__(self, x: Value) -> Value:
        """The smaller image."""
        return value_of("crop2d", x).graph.crop2d(x, self.cropping)


@dataclass(frozen=True)
class Concatenate:
    """Values side by side, as `Graph.concat`.

    Args:
        axis: Counted without the batch axis.
    """

    axis: int = -1

    def __call__(self, values: Sequence[Value]) -> Value:
        """One value of all."""
        if isinstance(values, Value) or not isinstance(values, Sequence):
            raise TypeError(f"concat: values must be a sequence, got {type(values).__name__}")
        if not values:
            raise ShapeError("concat: takes at least 1 input, got 0")
        return value_of("concat", values[0]).graph.concat(values, axis=self.axis)
