"""Pooling, as methods of a graph."""

from __future__ import annotations

from typing import Literal

from mpsnn import arguments
from mpsnn._core import ops
from mpsnn.arguments import Padding, Pair, Sides
from mpsnn.inputs import Inputs
from mpsnn.values import Value

Edge = Literal["clamp", "zero"]
"""What a pooling window that leaves the image sees there: nothing, or zeros."""


EDGES = ("clamp", "zero")


class Pooling(Inputs):
    """The pooling ops of a graph."""

    def max_pool2d(
        self,
        x: Value,
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        dilation: Pair = 1,
        edge: Edge = "clamp",
        name: str | None = None,
    ) -> Value:
        """Largest value of each window, (H, W, C) to (H', W', C); the first of equal ones.

        Args:
            x: Image, (H, W, C).
            kernel: Of the window, in pixels.
            stride: Step of the window; None: the kernel.
            padding: As in `conv2d`.
            dilation: Distance of the window's positions, in pixels.
            edge: Outside the image a window sees nothing ("clamp") or zeros ("zero").
            name: Of the node.

        Raises:
            ShapeError: If the window does not fit.
        """
        window = self._window("max_pool2d", kernel, stride, padding)
        arguments.choice("max_pool2d", "edge", edge, EDGES)
        op = ops.MaxPool2d(*window, arguments.pair("max_pool2d", "dilation", dilation), edge)
        return self._add("max_pool2d", op, name, x=x)

    def avg_pool2d(
        self,
        x: Value,
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        edge: Edge = "clamp",
        name: str | None = None,
    ) -> Value:
        """Mean of each window, (H, W, C) to (H', W', C). Arguments as `max_pool2d`.

        With edge "clamp" the mean is over the pixels inside the image, with "zero" over
        all K.h * K.w positions (PyTorch's count_include_pad).

        Raises:
            ShapeError: If the window does not fit.
        """
        arguments.choice("avg_pool2d", "edge", edge, EDGES)
        op = ops.AvgPool2d(*self._window("avg_pool2d", kernel, stride, padding), edge)
        return self._add("avg_pool2d", op, name, x=x)

    def l2_pool2d(
        self,
        x: Value,
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        name: str | None = None,
    ) -> Value:
        """Square root of the sum of squares of each window. Arguments as `max_pool2d`.

        Its gradient is 0 where the result is 0.

        Raises:
            ShapeError: If the window does not fit.
        """
        op = ops.L2Pool2d(*self._window("l2_pool2d", kernel, stride, padding))
        return self._add("l2_pool2d", op, name, x=x)

    @staticmethod
    def _window(
        op: str, kernel: Pair, stride: Pair | None, padding: Padding
    ) -> tuple[tuple[int, int], tuple[int, int], Sides]:
        return (
            arguments.pair(op, "kernel", kernel),
            arguments.pair(op, "stride", kernel if stride is None else stride),
            arguments.padding(op, padding),
        )
