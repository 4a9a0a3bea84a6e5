"""Layers: ops that own their weights.

A layer is a description. Calling it on a `Value` appends its op, and parameters named
after it, to the value's graph; calling it twice makes two layers with weights of their own.

    y = layers.Conv2d(32, kernel=5)(x)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.arguments import Padding, Pair
from mpsnn.graph import Edge, Graph
from mpsnn.initializers import GLOROT_UNIFORM, ONE, ZERO, Initializer
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
        return _whole(self._append, _value("conv2d", x))

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
        return _whole(self._append, _value("dense", x))

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


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation that owns scale, shift and running statistics. Keeps the shape.

    Args:
        epsilon: Added to the variance, > 0.
        momentum_keep: Share of the running statistics that stays at each step.
        source: Lends "gamma", "beta", "running_mean", "running_var", each (C,).
            None: ones, zeros, zeros, ones.
        trainable: Whether training changes gamma and beta. The statistics always follow.
        name: Of the layer; None: batch_norm_1, batch_norm_2, ...

    Source: Ioffe & Szegedy, ICML 2015.
    """

    epsilon: float = 1e-5
    momentum_keep: float = 0.9
    source: DataSource | None = None
    trainable: bool = True
    name: str | None = None

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x`, (..., C)."""
        return _whole(self._append, _value("batch_norm", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        if not x.shape:
            raise ShapeError("batch_norm: x () must have channels (..., C)")
        names = ("gamma", "beta", "running_mean", "running_var")
        with graph.naming("batch_norm", self.name) as name:
            source = self.source or InitializerSource(
                gamma=ONE, beta=ZERO, running_mean=ZERO, running_var=ONE
            )
            weights = graph.parameters(
                source,
                dict.fromkeys(names, x.shape[-1:]),
                name=name,
                frozen=names[2:] if self.trainable else names,
            )
            return graph.batch_norm(
                x,
                *weights.values(),
                epsilon=self.epsilon,
                momentum_keep=self.momentum_keep,
                name=name,
            )


@dataclass(frozen=True)
class ReLU:
    """max(x, 0), as `Graph.relu`."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return _value("relu", x).graph.relu(x)


@dataclass(frozen=True)
class Dropout:
    """Zeroes elements while training, as `Graph.dropout`.

    Args:
        rate: Probability of zero, at least 0 and less than 1.
    """

    rate: float = 0.5

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return _value("dropout", x).graph.dropout(x, self.rate)


@dataclass(frozen=True)
class MaxPool2d:
    """Largest value of each window, as `Graph.max_pool2d`. (H, W, C) to (H', W', C).

    Args:
        kernel: Of the window, in pixels.
        stride: Step of the window; None: the kernel.
        padding: As in `Graph.conv2d`.
        edge: Whether a window sees nothing ("clamp") or zeros outside the image.
    """

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled image."""
        return _value("max_pool2d", x).graph.max_pool2d(
            x, self.kernel, stride=self.stride, padding=self.padding, edge=self.edge
        )


@dataclass(frozen=True)
class AvgPool2d:
    """Mean of each window, as `Graph.avg_pool2d`. Arguments as `MaxPool2d`."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled image."""
        return _value("avg_pool2d", x).graph.avg_pool2d(
            x, self.kernel, stride=self.stride, padding=self.padding, edge=self.edge
        )


@dataclass(frozen=True)
class Flatten:
    """(...) to (size of x,), in row-major order."""

    def __call__(self, x: Value) -> Value:
        """The same values on one axis."""
        return _value("flatten", x).graph.flatten(x)


def _whole(append: Callable[[Value], Value], x: Value) -> Value:
    """`append(x)`, tried on a graph of its own first: a refused layer leaves no weights."""
    append(Graph().input(*x.shape))
    return append(x)


def _value(op: str, x: Value) -> Value:
    if not isinstance(x, Value):
        raise TypeError(f"{op}: x must be a Value, got {type(x).__name__}")
    return x
