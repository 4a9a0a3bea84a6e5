"""Convolutions and dense layers, as methods of a graph."""

from __future__ import annotations

from mpsnn import arguments
from mpsnn._core import ops
from mpsnn.arguments import Padding, Pair
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Convolution(Inputs):
    """The convolution ops of a graph."""

    def conv2d(
        self,
        x: Value,
        weight: Value,
        bias: Value | None = None,
        *,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "same",
        groups: int = 1,
        name: str | None = None,
    ) -> Value:
        """2-D cross-correlation, (H, W, C) to (H', W', O).

        Args:
            x: Image, (H, W, C).
            weight: (O, K.h, K.w, C / groups).
            bias: Added to each output channel, (O,).
            stride: Step of the kernel, in pixels.
            dilation: Distance of the kernel's taps, in pixels.
            padding: "same" gives H' = ceil(H / stride), with the odd row and column at the
                bottom and right as in TensorFlow; "valid" has none; or extents in pixels.
            groups: Slices of channels that do not see each other.
            name: Of the node.

        Raises:
            ShapeError: If the channels disagree or the kernel does not fit.
        """
        op = ops.Conv2d(
            arguments.pair("conv2d", "stride", stride),
            arguments.pair("conv2d", "dilation", dilation),
            arguments.padding("conv2d", padding),
            arguments.integer("conv2d", "groups", groups, 1),
        )
        return self._add("conv2d", op, name, x=x, weight=weight, bias=bias)

    def dense(
        self, x: Value, weight: Value, bias: Value | None = None, *, name: str | None = None
    ) -> Value:
        """Weight x + bias, (O,), over all axes of `x`; weight (O, size of x), bias (O,).

        Raises:
            ShapeError: If the sizes disagree.
        """
        return self._add("dense", ops.Dense(), name, x=x, weight=weight, bias=bias)
