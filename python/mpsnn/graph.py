"""Describing a network: one documented method per op.

Shape letters: N batch, H W C image, O output channels, K kernel or classes. Shapes are
per image. The equations are those of `include/mpsnn/ops.hpp`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.arguments import Padding, Pair, Sides
from mpsnn.inputs import Inputs
from mpsnn.values import Value

__all__ = ["Graph", "Value"]

Edge = Literal["clamp", "zero"]
"""What a pooling window that leaves the image sees there: nothing, or zeros."""


class Graph(Inputs):
    """A network under construction. Nodes run in the order they were added.

    A mistake in shapes is a `ShapeError` on the line that made it, and a value that is no
    `Value` a `TypeError`; both name the op and the argument, and leave the graph as it was.

    Args:
        seed: Of the layers' initial weights, 0 to 2**64 - 1. Each layer draws from a stream
            of its own, derived from the seed and the layer's name.
    """

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

    def max_pool2d(
        self,
        x: Value,
        kernel: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        edge: Edge = "clamp",
        name: str | None = None,
    ) -> Value:
        """Largest value of each window, (H, W, C) to (H', W', C); the first of equal ones.

        Args:
            x: Image, (H, W, C).
            kernel: Of the window, in pixels.
            stride: Step of the window; None: the kernel.
            padding: As in `conv2d`.
            edge: Outside the image a window sees nothing ("clamp") or zeros ("zero").
            name: Of the node.

        Raises:
            ShapeError: If the window does not fit.
        """
        op = ops.MaxPool2d(*self._window("max_pool2d", kernel, stride, padding), edge)
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
        op = ops.AvgPool2d(*self._window("avg_pool2d", kernel, stride, padding), edge)
        return self._add("avg_pool2d", op, name, x=x)

    def relu(self, x: Value, *, name: str | None = None) -> Value:
        """max(x, 0), elementwise. Its gradient at 0 is 0, as in PyTorch; MPS has 1."""
        return self._add("relu", ops.Relu(), name, x=x)

    def dropout(self, x: Value, rate: float = 0.5, *, name: str | None = None) -> Value:
        """Zero each element with probability `rate`; scale the rest by 1 / (1 - rate).

        The mask is drawn anew at every training step, from a generator (Philox) keyed by
        the trainer's seed, the place of this node among the graph's dropouts, and the
        step. Inference passes `x` through.

        Raises:
            ShapeError: If `rate` is not at least 0 and less than 1.
        """
        op = ops.Dropout(arguments.fraction("dropout", "rate", rate), self._dropouts)
        value = self._add("dropout", op, name, x=x)
        self._dropouts += 1
        return value

    def batch_norm(
        self,
        x: Value,
        gamma: Value,
        beta: Value,
        running_mean: Value,
        running_var: Value,
        *,
        epsilon: float = 1e-5,
        momentum_keep: float = 0.9,
        name: str | None = None,
    ) -> Value:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel (last axis).

        Training uses the mean and biased variance of the batch, and updates the running
        ones: running = momentum_keep * running + (1 - momentum_keep) * batch. Inference
        uses the running ones. (PyTorch's momentum is 1 - momentum_keep.)

        Args:
            x: (..., C), of any rank.
            gamma: Scale, (C,).
            beta: Shift, (C,).
            running_mean: (C,), a parameter with trainable=False.
            running_var: (C,), the same.
            epsilon: Added to the variance, > 0.
            momentum_keep: Share of the running statistics that stays, at least 0 and under 1.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        op = ops.BatchNorm(
            arguments.positive("batch_norm", "epsilon", epsilon),
            arguments.fraction("batch_norm", "momentum_keep", momentum_keep),
        )
        own = {"gamma": gamma, "beta": beta}
        running = {"running_mean": running_mean, "running_var": running_var}
        return self._add("batch_norm", op, name, x=x, **own, **running)

    def add(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """A + b, of one shape.

        Raises:
            ShapeError: If the shapes differ.
        """
        return self._add("add", ops.Add(), name, a=a, b=b)

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

    def softmax(self, x: Value, *, name: str | None = None) -> Value:
        """exp(x) / sum exp(x), over the last axis."""
        return self._add("softmax", ops.Softmax(), name, x=x)

    def softmax_cross_entropy(
        self,
        x: Value,
        labels: Value,
        *,
        label_smoothing: float = 0.0,
        name: str | None = None,
    ) -> Value:
        """-weights * sum_k t[k] log softmax(x)[k], one number per image, ().

        With smoothing s, t = labels * (1 - s) + s / K.

        Args:
            x: Logits, (K,).
            labels: Of `Graph.labels`, (K,); their weights come along.
            label_smoothing: s, at least 0 and less than 1.
            name: Of the node.

        Raises:
            ShapeError: If `x` and `labels` have different shapes.
        """
        kind = "softmax_cross_entropy"
        ids = [self.check(kind, "x", x), self.check(kind, "labels", labels)]
        if labels not in self.label_inputs:
            raise ShapeError(f"{kind}: labels must come from Graph.labels, got {labels!r}")
        op = ops.SoftmaxCrossEntropy(arguments.fraction(kind, "label_smoothing", label_smoothing))
        return self._append(kind, op, [ids[0], *self.core.outputs(labels.id)], name)

    @staticmethod
    def _window(
        op: str, kernel: Pair, stride: Pair | None, padding: Padding
    ) -> tuple[tuple[int, int], tuple[int, int], Sides]:
        return (
            arguments.pair(op, "kernel", kernel),
            arguments.pair(op, "stride", kernel if stride is None else stride),
            arguments.padding(op, padding),
        )
