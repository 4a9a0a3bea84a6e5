"""Normalization that owns its scale and shift."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn._core import ShapeError
from mpsnn.initializers import ONE, ZERO
from mpsnn.layers.base import appended, value_of
from mpsnn.sources import DataSource, InitializerSource
from mpsnn.values import Value


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
        return appended(self._append, value_of("batch_norm", x))

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
