"""Pooling."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn.arguments import Padding, Pair
from mpsnn.graph import Edge
from mpsnn.layers.base import value_of
from mpsnn.values import Value
from mpsnn.vocabulary.convolution1d import Padding1d


@dataclass(frozen=True)
class MaxPool2d:
    """Largest value of each window, as `Graph.max_pool2d`. (H, W, C) to (H', W', C).

    Args:
        kernel: Of the window, in pixels.
        stride: Step of the window; None: the kernel.
        padding: As in `Graph.conv2d`.
        dilation: Distance of the window's positions, in pixels.
        edge: Whether a window sees nothing ("clamp") or zeros outside the image.
    """

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"
    dilation: Pair = 1
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled image."""
        return value_of("max_pool2d", x).graph.max_pool2d(
            x,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            edge=self.edge,
        )


@dataclass(frozen=True)
class AvgPool2d:
    """Mean of each window, as `Graph.avg_pool2d`. Other arguments as `MaxPool2d`."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled image."""
        return value_of("avg_pool2d", x).graph.avg_pool2d(
            x, self.kernel, stride=self.stride, padding=self.padding, edge=self.edge
        )


@dataclass(frozen=True)
class L2Pool2d:
    """Square root of the sum of squares of each window, as `Graph.l2_pool2d`."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    def __call__(self, x: Value) -> Value:
        """The pooled image."""
        return value_of("l2_pool2d", x).graph.l2_pool2d(
            x, self.kernel, stride=self.stride, padding=self.padding
        )


@dataclass(frozen=True)
class GlobalAvgPool2d:
    """Mean over the pixels of an image, (H, W, C) to (C,)."""

    def __call__(self, x: Value) -> Value:
        """One number per channel."""
        return value_of("global_avg_pool2d", x).graph.global_avg_pool2d(x)


@dataclass(frozen=True)
class GlobalMaxPool2d:
    """Largest value over the pixels of an image, (H, W, C) to (C,)."""

    def __call__(self, x: Value) -> Value:
        """One number per channel."""
        return value_of("global_max_pool2d", x).graph.global_max_pool2d(x)


@dataclass(frozen=True)
class MaxPool1d:
    """Largest value of each window of a sequence, as `Graph.max_pool1d`. (T, C) to (T', C)."""

    kernel: int
    stride: int | None = None
    padding: Padding1d = "valid"
    dilation: int = 1
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled sequence."""
        return value_of("max_pool1d", x).graph.max_pool1d(
            x,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            edge=self.edge,
        )


@dataclass(frozen=True)
class AvgPool1d:
    """Mean of each window of a sequence, as `Graph.avg_pool1d`. (T, C) to (T', C)."""

    kernel: int
    stride: int | None = None
    padding: Padding1d = "valid"
    edge: Edge = "clamp"

    def __call__(self, x: Value) -> Value:
        """The pooled sequence."""
        return value_of("avg_pool1d", x).graph.avg_pool1d(
            x, self.kernel, stride=self.stride, padding=self.padding, edge=self.edge
        )


@dataclass(frozen=True)
class GlobalAvgPool1d:
    """Mean over the steps of a sequence, (T, C) to (C,)."""

    def __call__(self, x: Value) -> Value:
        """One number per channel."""
        return value_of("global_avg_pool1d", x).graph.reduce_mean(x, 0)


@dataclass(frozen=True)
class GlobalMaxPool1d:
    """Largest value over the steps of a sequence, (T, C) to (C,)."""

    def __call__(self, x: Value) -> Value:
        """One number per channel."""
        return value_of("global_max_pool1d", x).graph.reduce_max(x, 0)
