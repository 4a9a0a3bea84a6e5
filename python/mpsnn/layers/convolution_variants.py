"""Convolutions of sequences, and of channels one by one, that own their weights."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.arguments import Padding, Pair
from mpsnn.initializers import GLOROT_UNIFORM, Initializer
from mpsnn.layers.base import appended, value_of
from mpsnn.layers.weights import Shapes, check, image_shapes, lent
from mpsnn.sources import DataSource
from mpsnn.values import Value
from mpsnn.vocabulary.convolution import Accumulator
from mpsnn.vocabulary.convolution1d import Padding1d


@dataclass(frozen=True)
class Conv1d:
    """1-D convolution that owns its weights. (T, C) to (T', O).

    Args:
        channels: Output channels, O.
        kernel: Length of the kernel.
        stride: Step of the kernel.
        dilation: Distance of the kernel's taps.
        padding: "same", "valid", one number, or (before, after), as in `Graph.conv1d`.
        groups: Slices of channels that do not see each other.
        bias: Whether to add one number per output channel.
        source: Lends "weight" (O, K, C / groups) and "bias" (O,). None: drawn from
            `initializer` and zeros, by the graph's seed and the layer's name.
        initializer: Of the weight.
        trainable: Whether training changes the weights.
        name: Of the layer; None: conv1d_1, conv1d_2, ...
        accumulator: As in `Graph.conv2d`.

    Raises:
        ShapeError: When called, if an argument does not fit the sequence.
    """

    channels: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: Padding1d = "same"
    groups: int = 1
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None
    accumulator: Accumulator = "single"

    def __post_init__(self) -> None:
        check("conv1d", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for sequence `x`."""
        return appended(self._append, value_of("conv1d", x))

    def _append(self, x: Value) -> Value:
        with x.graph.naming("conv1d", self.name) as name:
            weights = lent(self, x.graph, name, self._shapes(x))
            return x.graph.conv1d(
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
        channels = arguments.integer("conv1d", "channels", self.channels, 1)
        kernel = arguments.integer("conv1d", "kernel", self.kernel, 1)
        groups = arguments.integer("conv1d", "groups", self.groups, 1)
        if len(x.shape) != 2:
            raise ShapeError(f"conv1d: x must be a sequence (T, C), got {x.shape}")
        if x.shape[1] % groups or channels % groups:
            raise ShapeError(
                f"conv1d: groups must divide the channels of x {x.shape} and the {channels} "
                f"output channels, got {groups}"
            )
        weight = (channels, kernel, x.shape[1] // groups)
        return {"weight": weight, "bias": (channels,)} if self.bias else {"weight": weight}


@dataclass(frozen=True)
class DepthwiseConv2d:
    """2-D convolution of each channel by itself. (H, W, C) to (H', W', C * multiplier).

    Args:
        kernel: Height and width, in pixels.
        multiplier: Output channels for each channel of x.
        stride: Step of the kernel, in pixels.
        dilation: Distance of the kernel's taps, in pixels.
        padding: "same", "valid" or extents, as in `Graph.conv2d`.
        bias: Whether to add one number per output channel.
        source: Lends "weight" (C * multiplier, K.h, K.w, 1) and "bias" (C * multiplier,). None:
            drawn from `initializer` and zeros, by the graph's seed and the layer's name.
        initializer: Of the weight.
        trainable: Whether training changes the weights.
        name: Of the layer; None: depthwise_conv2d_1, ...

    Raises:
        ShapeError: When called, if the kernel does not fit the padded image.
    """

    kernel: Pair
    multiplier: int = 1
    stride: Pair = 1
    dilation: Pair = 1
    padding: Padding = "same"
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        check("depthwise_conv2d", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for image `x`."""
        return appended(self._append, value_of("depthwise_conv2d", x))

    def _append(self, x: Value) -> Value:
        shapes = _depthwise_shapes("depthwise_conv2d", self, x, self.bias)
        with x.graph.naming("depthwise_conv2d", self.name) as name:
            weights = lent(self, x.graph, name, shapes)
            return x.graph.depthwise_conv2d(
                x,
                weights["weight"],
                weights.get("bias"),
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                name=name,
            )


@dataclass(frozen=True)
class SeparableConv2d:
    """A depthwise convolution, then one of 1 x 1 over all channels. (H, W, C) to (H', W', O).

    Args:
        channels: Output channels, O.
        kernel: Height and width of the depthwise kernel, in pixels.
        multiplier: Channels between the two, for each channel of x.
        stride: Step of the depthwise kernel, in pixels.
        dilation: Distance of its taps, in pixels.
        padding: Of the depthwise convolution: "same", "valid" or extents.
        bias: Whether to add one number per output channel, at the end.
        source: Lends "depthwise" (C * multiplier, K.h, K.w, 1), "weight"
            (O, 1, 1, C * multiplier) and "bias" (O,). None: drawn from `initializer` and zeros,
            by the graph's seed and the layer's name.
        initializer: Of both weights.
        trainable: Whether training changes the weights.
        name: Of the layer; None: separable_conv2d_1, ...

    Raises:
        ShapeError: When called, if the kernel does not fit the padded image.
    """

    channels: int
    kernel: Pair
    multiplier: int = 1
    stride: Pair = 1
    dilation: Pair = 1
    padding: Padding = "same"
    bias: bool = True
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        check("separable_conv2d", self.source, initializer=self.initializer)

    def __call__(self, x: Value) -> Value:
        """The layer's output for image `x`."""
        return appended(self._append, value_of("separable_conv2d", x))

    def _append(self, x: Value) -> Value:
        op = "separable_conv2d"
        channels = arguments.integer(op, "channels", self.channels, 1)
        depthwise = _depthwise_shapes(op, self, x, bias=False)["weight"]
        shapes: Shapes = {"depthwise": depthwise, "weight": (channels, 1, 1, depthwise[0])}
        if self.bias:
            shapes["bias"] = (channels,)
        with x.graph.naming(op, self.name) as name:
            weights = lent(self, x.graph, name, shapes)
            y = x.graph.depthwise_conv2d(
                x,
                weights["depthwise"],
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                name=f"{name}.depthwise",
            )
            return x.graph.conv2d(y, weights["weight"], weights.get("bias"), name=name)


def _depthwise_shapes(
    op: str, layer: DepthwiseConv2d | SeparableConv2d, x: Value, bias: bool
) -> Shapes:
    multiplier = arguments.integer(op, "multiplier", layer.multiplier, 1)
    if len(x.shape) != 3:
        raise ShapeError(f"{op}: x {x.shape} must be an image (H, W, C)")
    channels = x.shape[-1]
    return image_shapes(op, x, channels * multiplier, layer.kernel, channels, bias)
