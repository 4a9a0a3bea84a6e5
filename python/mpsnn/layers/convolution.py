"""Convolutions and dense layers that own their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mpsnn import arguments
from mpsnn.arguments import Padding, Pair
from mpsnn.initializers import GLOROT_UNIFORM, Initializer
from mpsnn.layers.base import appended, value_of
from mpsnn.layers.weights import Shapes, check, image_shapes, lent
from mpsnn.sources import DataSource
from mpsnn.values import Value
from mpsnn.vocabulary.convolution import Accumulator


@dataclass(frozen=True)
class Conv2d:
    """2-D convolution that owns its weights. (H, W, C) to (H', W', O).

    Args:
        channels: Output channels, O.
        kernel: Height and width, in pixels.
        stride: Step of the kernel, in pixels.
        dilation: Distance of the kernel's taps, in pixels.
        padding: "same", "valid" or extents, as in `Graph.conv2d`.
        groups: Slices of channels that do not see each other.
        bias: Whether to add one number per output channel.
        source: Lends "weight" (O, K.h, K.w, C / groups) and "bias" (O,). None: drawn from
            `initializer` and zeros, by the graph's seed and the layer's name.
        initializer: Of the weight; `HeUniform()` suits a layer before a relu.
        trainable: Whether training changes the weights.
        name: Of the layer; None: conv2d_1, conv2d_2, ...
        accumulator: As in `Graph.conv2d`.

    Raises:
        ShapeError: When called, if the kernel does not fit the padded image or the groups
            do not divide the channels.
    """

    channels: int
    kernel: Pair
    stride: Pair = 1
    dilation: Pair = 1
    padding: Padding = "same"
    groups: int = 1
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None
    accumulator: Accumulator = "single"

    def __post_init__(self) -> None:
        check("conv2d", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for image `x`."""
        return appended(self._append, value_of("conv2d", x))

    def _append(self, x: Value) -> Value:
        with x.graph.naming("conv2d", self.name) as name:
            weights = lent(self, x.graph, name, self._shapes(x))
            return x.graph.conv2d(
                x,
                weights["weight"],
                weights.get("bias"),
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                groups=self.groups,
                accumulator=self.accumulator,
                name=name,
            )

    def _shapes(self, x: Value) -> Shapes:
        return image_shapes("conv2d", x, self.channels, self.kernel, self.groups, self.bias)


@dataclass(frozen=True)
class ConvTranspose2d:
    """The adjoint of a convolution, which enlarges an image. (H, W, C) to (H', W', O).

    Args:
        channels: Output channels, O.
        kernel: Height and width, in pixels.
        stride: Distance of the pixels of x in the result, in pixels.
        dilation: Distance of the kernel's taps, in pixels.
        padding: "same" gives H' = H * stride; "valid" or extents as in `Graph.conv_transpose2d`.
        output_padding: Rows added at the bottom and columns at the right, not with "same".
        groups: Slices of channels that do not see each other.
        bias: Whether to add one number per output channel.
        source: Lends "weight" (O, K.h, K.w, C / groups) and "bias" (O,). None: drawn from
            `initializer` and zeros, by the graph's seed and the layer's name.
        initializer: Of the weight.
        trainable: Whether training changes the weights.
        name: Of the layer; None: conv_transpose2d_1, ...
        accumulator: As in `Graph.conv2d`.

    Raises:
        ShapeError: When called, if an argument does not fit the image.
    """

    channels: int
    kernel: Pair
    stride: Pair = 1
    dilation: Pair = 1
    padding: Padding = "same"
    output_padding: Pair = 0
    groups: int = 1
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None
    accumulator: Accumulator = "single"

    def __post_init__(self) -> None:
        check("conv_transpose2d", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for image `x`."""
        return appended(self._append, value_of("conv_transpose2d", x))

    def _append(self, x: Value) -> Value:
        op = "conv_transpose2d"
        shapes = image_shapes(op, x, self.channels, self.kernel, self.groups, self.bias)
        with x.graph.naming(op, self.name) as name:
            weights = lent(self, x.graph, name, shapes)
            return x.graph.conv_transpose2d(
                x,
                weights["weight"],
                weights.get("bias"),
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                output_padding=self.output_padding,
                groups=self.groups,
                accumulator=self.accumulator,
                name=name,
            )


@dataclass(frozen=True)
class Dense:
    """Fully connected layer that owns its weights. (...) to (O,); flattens by itself.

    Args:
        units: Outputs, O.
        bias: Whether to add one number per output.
        source: Lends "weight" (O, size of x), its columns in the row-major order of x, and
            "bias" (O,). None: drawn from `initializer` and zeros.
        initializer: Of the weight.
        trainable: Whether training changes the weights.
        name: Of the layer; None: dense_1, dense_2, ...
    """

    units: int
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        check("dense", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x` of any shape."""
        return appended(self._append, value_of("dense", x))

    def _append(self, x: Value) -> Value:
        units = arguments.integer("dense", "units", self.units, 1)
        shapes: Shapes = {"weight": (units, math.prod(x.shape))}
        if self.bias:
            shapes["bias"] = (units,)
        with x.graph.naming("dense", self.name) as name:
            weights = lent(self, x.graph, name, shapes)
            return x.graph.dense(x, weights["weight"], weights.get("bias"), name=name)
