"""Normalization, as methods of a graph."""

from __future__ import annotations

from mpsnn import arguments
from mpsnn._core import ops
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
