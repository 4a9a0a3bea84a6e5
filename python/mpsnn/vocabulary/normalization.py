"""Normalization, as methods of a graph."""

from __future__ import annotations

from typing import Any

from mpsnn import arguments
from mpsnn._core import ValueId, ops
from mpsnn.arguments import Pair
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Normalization(Inputs):
    """The normalization ops of a graph."""

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
        frozen: bool = False,
        unbiased_running_var: bool = False,
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
            frozen: Whether training uses the running statistics too, and leaves them alone.
            unbiased_running_var: Whether the running variance follows n / (n - 1) times the
                batch's, n its pixels, as in PyTorch. Normalising uses the biased one always.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        op = ops.BatchNorm(
            arguments.positive("batch_norm", "epsilon", epsilon),
            arguments.fraction("batch_norm", "momentum_keep", momentum_keep),
            not frozen,
            bool(unbiased_running_var),
        )
        own = {"gamma": gamma, "beta": beta}
        running = {"running_mean": running_mean, "running_var": running_var}
        return self._add("batch_norm", op, name, x=x, **own, **running)

    def group_norm(
        self,
        x: Value,
        gamma: Value | None = None,
        beta: Value | None = None,
        *,
        groups: int,
        epsilon: float = 1e-5,
        name: str | None = None,
    ) -> Value:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, by groups of channels.

        Mean and biased variance are those of one image, over all pixels and C / groups
        channels that follow each other; training and inference are the same.
        Source: Wu & He, ECCV 2018.

        Args:
            x: (..., C), of any rank.
            gamma: Scale, (C,). None: 1.
            beta: Shift, (C,). None: 0.
            groups: Of channels; divides C.
            epsilon: Added to the variance, > 0.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        count = arguments.integer("group_norm", "groups", groups, 1)
        op = ops.GroupNorm(count, arguments.positive("group_norm", "epsilon", epsilon))
        return self._scaled("group_norm", op, x, gamma, beta, name)

    def instance_norm(
        self,
        x: Value,
        gamma: Value | None = None,
        beta: Value | None = None,
        *,
        epsilon: float = 1e-5,
        name: str | None = None,
    ) -> Value:
        """`group_norm` with a group per channel. Source: Ulyanov et al., arXiv:1607.08022."""
        self.check("instance_norm", "x", x)
        groups = x.shape[-1] if x.shape else 1
        return self.group_norm(x, gamma, beta, groups=groups, epsilon=epsilon, name=name)

    def layer_norm(
        self,
        x: Value,
        gamma: Value | None = None,
        beta: Value | None = None,
        *,
        axes: int = 1,
        epsilon: float = 1e-5,
        name: str | None = None,
    ) -> Value:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over the last `axes` axes.

        Source: Ba et al., arXiv:1607.06450.

        Args:
            x: (..., D), D being `axes` axes.
            gamma: Scale, (D). None: 1.
            beta: Shift, (D). None: 0.
            axes: How many of the last axes are normalised together.
            epsilon: Added to the variance, > 0.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        count = arguments.integer("layer_norm", "axes", axes, 1)
        op = ops.LayerNorm(count, arguments.positive("layer_norm", "epsilon", epsilon))
        return self._scaled("layer_norm", op, x, gamma, beta, name)

    def cross_channel_norm(
        self,
        x: Value,
        size: int = 5,
        *,
        alpha: float = 1.0,
        beta: float = 5.0,
        delta: float = 1.0,
        name: str | None = None,
    ) -> Value:
        """X / (delta + alpha / size * sum x**2) ** beta, over `size` channels around each.

        Also called local response normalisation. Source: Krizhevsky et al., NIPS 2012.

        Args:
            x: (..., C), of any rank.
            size: Of the window, in channels: from size // 2 before to (size - 1) // 2 after.
            alpha: At least 0.
            beta: Exponent.
            delta: Greater than 0.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        kind = "cross_channel_norm"
        count = arguments.integer(kind, "size", size, 1)
        op = ops.CrossChannelNorm(count, *_power(kind, alpha, beta, delta))
        return self._add(kind, op, name, x=x)

    def spatial_norm(
        self,
        x: Value,
        kernel: Pair,
        *,
        alpha: float = 1.0,
        beta: float = 5.0,
        delta: float = 1.0,
        name: str | None = None,
    ) -> Value:
        """As `cross_channel_norm`, over a window of K.h * K.w pixels of one channel.

        Args:
            x: Image, (H, W, C); zeros outside.
            kernel: Of the window, in pixels.
            alpha: At least 0.
            beta: Exponent.
            delta: Greater than 0.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        kind = "spatial_norm"
        window = arguments.pair(kind, "kernel", kernel)
        op = ops.SpatialNorm(window, *_power(kind, alpha, beta, delta))
        return self._add(kind, op, name, x=x)

    def local_contrast_norm(
        self,
        x: Value,
        kernel: Pair,
        *,
        alpha: float = 1.0,
        beta: float = 0.5,
        delta: float = 1.0 / 1024,
        p0: float = 1.0,
        pm: float = 0.0,
        ps: float = 1.0,
        name: str | None = None,
    ) -> Value:
        """Pm + ps (x - p0 M) / (delta + alpha V) ** beta, M and V of a window of pixels.

        M is the mean and V the biased variance of K.h * K.w pixels of one channel around x,
        zeros outside of the image counted. Source: Jarrett et al., ICCV 2009.

        Args:
            x: Image, (H, W, C).
            kernel: Of the window, in pixels.
            alpha: At least 0.
            beta: Exponent.
            delta: Greater than 0.
            p0: Multiplies the mean.
            pm: Added to the result.
            ps: Multiplies the result before.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        kind = "local_contrast_norm"
        window = arguments.pair(kind, "kernel", kernel)
        shifts = [
            arguments.real(kind, argument, value)
            for argument, value in (("p0", p0), ("pm", pm), ("ps", ps))
        ]
        op = ops.LocalContrastNorm(window, *_power(kind, alpha, beta, delta), *shifts)
        return self._add(kind, op, name, x=x)

    def _scaled(
        self,
        kind: str,
        op: Any,
        x: Value,
        gamma: Value | None,
        beta: Value | None,
        name: str | None,
    ) -> Value:
        ids = [self.check(kind, "x", x)]
        for argument, value in (("gamma", gamma), ("beta", beta)):
            ids.append(ValueId() if value is None else self.check(kind, argument, value))
        return self._append(kind, op, ids, name)


def _power(kind: str, alpha: float, beta: float, delta: float) -> tuple[float, float, float]:
    return (
        arguments.not_negative(kind, "alpha", alpha),
        arguments.real(kind, "beta", beta),
        arguments.positive(kind, "delta", delta),
    )
