"""Convolutions and dense layers that own their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.arguments import Padding, Pair
from mpsnn.initializers import GLOROT_UNIFORM, Initializer
from mpsnn.layers.base import appended, value_of
from mpsnn.sources import DataSource, InitializerSource
from mpsnn.values import Value


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

    def __call__(self, x: Value) -> Value:
        """The layer's output for image `x`."""
        return appended(self._append, value_of("conv2d", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        shapes = self._shapes(x)
        frozen = () if self.trainable else tuple(shapes)
        with graph.naming("conv2d", self.name) as name:
            source = self.source or InitializerSource(
                seed=graph.seed, name=name, weight=self.initializer
            )
            weights = graph.parameters(source, shapes, name=name, frozen=frozen)
            return graph.conv2d(
                x,
                weights["weight"],
                weights.get("bias"),
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                groups=self.groups,
                name=name,
            )

    def _shapes(self, x: Value) -> dict[str, tuple[int, ...]]:
        channels = arguments.integer("conv2d", "channels", self.channels, 1)
        groups = arguments.integer("conv2d", "groups", self.groups, 1)
        if len(x.shape) != 3:
            raise ShapeError(f"conv2d: x {x.shape} must be an image (H, W, C)")
        if x.shape[-1] % groups or channels % groups:
            raise ShapeError(
                f"conv2d: groups must divide the channels of x {x.shape} and the {channels} "
                f"output channels, got {groups}"
            )
        kernel = arguments.pair("conv2d", "kernel", self.kernel)
        weight = (channels, *kernel, x.shape[-1] // groups)
        return {"weight": weight, "bias": (channels,)} if self.bias else {"weight": weight}


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

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x` of any shape."""
        return appended(self._append, value_of("dense", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        units = arguments.integer("dense", "units", self.units, 1)
        shapes: dict[str, tuple[int, ...]] = {"weight": (units, math.prod(x.shape))}
        if self.bias:
            shapes["bias"] = (units,)
        frozen = () if self.trainable else tuple(shapes)
        with graph.naming("dense", self.name) as name:
            source = self.source or InitializerSource(
                seed=graph.seed, name=name, weight=self.initializer
            )
            weights = graph.parameters(source, shapes, name=name, frozen=frozen)
            return graph.dense(x, weights["weight"], weights.get("bias"), name=name)
