"""Convolutions and dense layers, as methods of a graph."""

from __future__ import annotations

from typing import Literal

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.arguments import Padding, Pair
from mpsnn.inputs import Inputs
from mpsnn.values import Value

Accumulator = Literal["single", "half"]
"""How a convolution adds up its products: in float32, or in float16."""


ACCUMULATORS = ("single", "half")


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
        accumulator: Accumulator = "single",
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
            accumulator: "half" rounds x, weight and every partial sum to float16, as the FP16
                accumulation of MPS; the gradient is that of the exact convolution.
            name: Of the node.

        Raises:
            ShapeError: If the channels disagree or the kernel does not fit.
        """
        op = ops.Conv2d(
            arguments.pair("conv2d", "stride", stride),
            arguments.pair("conv2d", "dilation", dilation),
            arguments.padding("conv2d", padding),
            arguments.integer("conv2d", "groups", groups, 1),
            arguments.choice("conv2d", "accumulator", accumulator, ACCUMULATORS),
        )
        return self._add("conv2d", op, name, x=x, weight=weight, bias=bias)

    def conv_transpose2d(
        self,
        x: Value,
        weight: Value,
        bias: Value | None = None,
        *,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "same",
        output_padding: Pair = 0,
        groups: int = 1,
        accumulator: Accumulator = "single",
        name: str | None = None,
    ) -> Value:
        """The adjoint of `conv2d` in x, (H, W, C) to (H', W', O): a larger image for a stride.

        Args:
            x: Image, (H, W, C).
            weight: (O, K.h, K.w, C / groups).
            bias: Added to each output channel, (O,).
            stride: Distance of the pixels of x in the result, in pixels.
            dilation: Distance of the kernel's taps, in pixels.
            padding: "same" gives H' = H * stride; "valid" all that the kernel reaches, which is
                (H - 1) * stride + (K - 1) * dilation + 1; extents are cut off that.
            output_padding: Rows added at the bottom and columns at the right; less than the
                stride or the dilation, and 0 with "same".
            groups: Slices of channels that do not see each other.
            accumulator: As in `conv2d`.
            name: Of the node.

        Raises:
            ShapeError: If the channels disagree or the padding leaves nothing.
        """
        both = output_padding if isinstance(output_padding, tuple | list) else (output_padding,) * 2
        if len(both) != 2:
            raise ShapeError(
                f"conv_transpose2d: output_padding must be one integer or two, got {output_padding!r}"
            )
        rows, columns = (arguments.integer("conv_transpose2d", "output_padding", v) for v in both)
        op = ops.ConvTranspose2d(
            arguments.pair("conv_transpose2d", "stride", stride),
            arguments.pair("conv_transpose2d", "dilation", dilation),
            arguments.padding("conv_transpose2d", padding),
            (rows, columns),
            arguments.integer("conv_transpose2d", "groups", groups, 1),
            arguments.choice("conv_transpose2d", "accumulator", accumulator, ACCUMULATORS),
        )
        return self._add("conv_transpose2d", op, name, x=x, weight=weight, bias=bias)

    def depthwise_conv2d(
        self,
        x: Value,
        weight: Value,
        bias: Value | None = None,
        *,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "same",
        accumulator: Accumulator = "single",
        name: str | None = None,
    ) -> Value:
        """`conv2d` of each channel by itself, (H, W, C) to (H', W', C * multiplier).

        Args:
            x: Image, (H, W, C).
            weight: (C * multiplier, K.h, K.w, 1); the filters of one channel are neighbours.
            bias: Added to each output channel, (C * multiplier,).
            stride: Step of the kernel, in pixels.
            dilation: Distance of the kernel's taps, in pixels.
            padding: As in `conv2d`.
            accumulator: As in `conv2d`.
            name: Of the node.

        Raises:
            ShapeError: If the channels disagree or the kernel does not fit.
        """
        for argument, value in [("x", x), ("weight", weight)]:
            self.check("depthwise_conv2d", argument, value)
        if len(x.shape) != 3:
            raise ShapeError(f"depthwise_conv2d: x must be an image (H, W, C), got {x.shape}")
        channels = x.shape[-1]
        if len(weight.shape) != 4 or weight.shape[-1] != 1 or weight.shape[0] % channels:
            raise ShapeError(
                f"depthwise_conv2d: weight must be ({channels} * multiplier, K.h, K.w, 1) for x "
                f"{x.shape}, got {weight.shape}"
            )
        return self.conv2d(
            x,
            weight,
            bias,
            stride=stride,
            dilation=dilation,
            padding=padding,
            groups=channels,
            accumulator=accumulator,
            name=name,
        )

    def dense(
        self, x: Value, weight: Value, bias: Value | None = None, *, name: str | None = None
    ) -> Value:
        """Weight x + bias, (O,), over all axes of `x`; weight (O, size of x), bias (O,).

        Raises:
            ShapeError: If the sizes disagree.
        """
        return self._add("dense", ops.Dense(), name, x=x, weight=weight, bias=bias)
