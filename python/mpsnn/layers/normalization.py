"""Normalization that owns its scale and shift."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn import arguments, sources
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
        trainable: Whether training changes gamma and beta. The statistics follow all the same.
        frozen: Whether training uses the running statistics too, and leaves them alone.
        unbiased_running_var: Whether the running variance is PyTorch's, n / (n - 1) times.
        name: Of the layer; None: batch_norm_1, batch_norm_2, ...

    Source: Ioffe & Szegedy, ICML 2015.
    """

    epsilon: float = 1e-5
    momentum_keep: float = 0.9
    source: DataSource | None = None
    trainable: bool = True
    frozen: bool = False
    unbiased_running_var: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        sources.check("batch_norm", self.source)

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
                frozen=self.frozen,
                unbiased_running_var=self.unbiased_running_var,
                name=name,
            )


def _scale_and_shift(
    x: Value, name: str, shape: tuple[int, ...], source: DataSource | None, trainable: bool
) -> tuple[Value, Value]:
    """Trainable gamma and beta, at first 1 and 0."""
    weights = x.graph.parameters(
        source or InitializerSource(gamma=ONE, beta=ZERO),
        {"gamma": shape, "beta": shape},
        name=name,
        frozen=() if trainable else ("gamma", "beta"),
    )
    return weights["gamma"], weights["beta"]


@dataclass(frozen=True)
class GroupNorm:
    """Normalisation by groups of channels of one image, as `Graph.group_norm`.

    Args:
        groups: Of channels; divides C. None: one per channel, which is `InstanceNorm`.
        epsilon: Added to the variance, > 0.
        scale: Whether the layer owns "gamma" and "beta", each (C,).
        source: Lends them. None: ones and zeros.
        trainable: Whether training changes them.
        name: Of the layer; None: group_norm_1, ...
    """

    groups: int | None = 32
    epsilon: float = 1e-5
    scale: bool = True
    source: DataSource | None = None
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        sources.check("group_norm", self.source)

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x`, (..., C)."""
        return appended(self._append, value_of("group_norm", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        if not x.shape:
            raise ShapeError("group_norm: x () must have channels (..., C)")
        groups = x.shape[-1] if self.groups is None else self.groups
        with graph.naming("group_norm", self.name) as name:
            own: tuple[Value, ...] = ()
            if self.scale:
                own = _scale_and_shift(x, name, x.shape[-1:], self.source, self.trainable)
            return graph.group_norm(x, *own, groups=groups, epsilon=self.epsilon, name=name)


@dataclass(frozen=True)
class InstanceNorm:
    """Normalisation of each channel of each image. Arguments as `GroupNorm`."""

    epsilon: float = 1e-5
    scale: bool = True
    source: DataSource | None = None
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        sources.check("instance_norm", self.source)

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x`, (..., C)."""
        return GroupNorm(None, self.epsilon, self.scale, self.source, self.trainable, self.name)(x)


@dataclass(frozen=True)
class LayerNorm:
    """Normalisation over the last axes of each position, as `Graph.layer_norm`.

    Args:
        axes: How many of the last axes are normalised together.
        epsilon: Added to the variance, > 0.
        scale: Whether the layer owns "gamma" and "beta", each of the shape of those axes.
        source: Lends them. None: ones and zeros.
        trainable: Whether training changes them.
        name: Of the layer; None: layer_norm_1, ...
    """

    axes: int = 1
    epsilon: float = 1e-5
    scale: bool = True
    source: DataSource | None = None
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        sources.check("layer_norm", self.source)

    def __call__(self, x: Value) -> Value:
        """The layer's output for `x`, of any shape but ()."""
        return appended(self._append, value_of("layer_norm", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        axes = arguments.integer("layer_norm", "axes", self.axes, 1)
        with graph.naming("layer_norm", self.name) as name:
            if not self.scale or axes > len(x.shape):
                return graph.layer_norm(x, axes=axes, epsilon=self.epsilon, name=name)
            own = _scale_and_shift(x, name, x.shape[-axes:], self.source, self.trainable)
            return graph.layer_norm(x, *own, axes=axes, epsilon=self.epsilon, name=name)
