"""Update rules. w is a parameter, g the gradient of the mean loss, t the step from 1.

The equations are those of MPSNNOptimizer; where they differ from PyTorch's, the class says
how. The rules run on the device and keep their state there, in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from mpsnn import _core, arguments
from mpsnn._core import ShapeError, ops
from mpsnn.schedules import Schedule

Rule: TypeAlias = ops.Sgd | ops.RmsProp | ops.Adam


class Optimizer(Protocol):
    """What a `Trainer` needs of an optimizer."""

    @property
    def learning_rate(self) -> float | Schedule:
        """The learning rate, or a function from the update, counted from 0, to it."""

    @property
    def state(self) -> str:
        """What it keeps per parameter; a checkpoint resumes only under the same."""

    def core(self, accumulate: int) -> _core.Optimizer:
        """What the engine runs, once in so many steps."""


@dataclass(frozen=True, kw_only=True, repr=False)
class GradientOptions:
    """What every optimizer can do with the gradient g of a parameter w before its rule.

    In this order: all gradients together are scaled down to the norm `clip_norm` (Pascanu
    et al. 2013); g <- clip(g); g <- rescale * g; g <- g + l2 * w + l1 * sign(w). The order of
    the last three is MPS's.

    Args:
        l1: Of L1 regularisation; sign(0) = 0.
        l2: Of L2 regularisation, added to the gradient (PyTorch's weight_decay).
        clip_value: Largest absolute value of an element, or (lowest, highest).
        clip_norm: Largest norm of all gradients of the trainer together.
        rescale: Factor of every gradient.

    Raises:
        ShapeError: If a number is not accepted.
    """

    l1: float = 0.0
    l2: float = 0.0
    clip_value: float | tuple[float, float] | None = None
    clip_norm: float | None = None
    rescale: float = 1.0

    def __repr__(self) -> str:
        """The learning rate, and what is not as by default."""
        shown = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in sorted(fields(self), key=lambda f: f.kw_only is True)
            if f.name == "learning_rate" or getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def _name(self) -> str:
        return type(self).__name__.lower()

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        raise NotImplementedError

    def core(self, accumulate: int = 1) -> _core.Optimizer:
        """What the engine runs, once in so many steps."""
        rate: float | Schedule = self.learning_rate  # type: ignore[attr-defined]  # of a subclass
        low, high = self._clip()
        gradient = ops.PrepareGradient(low, high, self.rescale, self.l1, self.l2)
        first = 0.0 if callable(rate) else rate
        return _core.Optimizer(self.rule(), first, gradient, self.clip_norm or 0.0, accumulate)

    def _check(self, rate: float | Schedule) -> None:
        if not callable(rate):
            arguments.positive(self._name, "learning_rate", rate)
        for argument in ("l1", "l2"):
            arguments.not_negative(self._name, argument, getattr(self, argument))
        arguments.real(self._name, "rescale", self.rescale)
        if self.clip_norm is not None:
            arguments.positive(self._name, "clip_norm", self.clip_norm)
        low, high = self._clip()
        if not low < high:
            raise ShapeError(f"{self._name}: clip_value must be (lowest, highest), got {low, high}")

    def _clip(self) -> tuple[float, float]:
        if self.clip_value is None:
            return -math.inf, math.inf
        if isinstance(self.clip_value, tuple):
            low, high = (arguments.real(self._name, "clip_value", v) for v in self.clip_value)
            return low, high
        high = arguments.positive(self._name, "clip_value", self.clip_value)
        return -high, high


@dataclass(frozen=True, repr=False)
class SGD(GradientOptions):
    """Gradient descent, with momentum or Nesterov momentum.

    Without momentum       w <- w - rate * g
    With momentum          m <- momentum * m + rate * g;  w <- w - m
    Nesterov               m <- momentum * m + g;  w <- w - rate * (g + momentum * m)

    Differs from PyTorch: the learning rate is inside m (not so for Nesterov), which is the
    same as long as the rate does not change.

    Args:
        learning_rate: rate, > 0, or a schedule: see `mpsnn.schedules`.
        momentum: At least 0 and less than 1.
        nesterov: Look ahead; needs momentum.

    The other options are those of `GradientOptions`, here as in every optimizer.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float | Schedule = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        self._check(self.learning_rate)
        arguments.fraction("sgd", "momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise ShapeError("sgd: nesterov needs momentum greater than 0, got 0")

    @property
    def state(self) -> str:
        """Nothing, or one of two kinds of momentum whose scales differ."""
        if not self.momentum:
            return "none"
        return "nesterov momentum" if self.nesterov else "momentum"

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.Sgd(self.momentum, self.nesterov)


@dataclass(frozen=True, repr=False)
class RMSProp(GradientOptions):
    """Gradient descent scaled by a running mean square. Tieleman & Hinton 2012.

    s <- decay * s + (1 - decay) * g^2;  w <- w - rate * g / (sqrt(s) + epsilon)

    Differs from PyTorch: the default decay there is 0.99.

    Args:
        learning_rate: rate, > 0, or a schedule: see `mpsnn.schedules`.
        decay: At least 0 and less than 1.
        epsilon: > 0, outside the root.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float | Schedule = 1e-3
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self._check(self.learning_rate)
        arguments.fraction("rms_prop", "decay", self.decay)
        arguments.positive("rms_prop", "epsilon", self.epsilon)

    @property
    def state(self) -> str:
        """One running mean square."""
        return "mean square"

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.RmsProp(self.decay, self.epsilon)


@dataclass(frozen=True, repr=False)
class Adam(GradientOptions):
    """Adaptive moments. Kingma & Ba, ICLR 2015, with the epsilon of section 2's last lines.

    m <- beta1 * m + (1 - beta1) * g;  v <- beta2 * v + (1 - beta2) * g^2
    w <- w - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)

    Differs from PyTorch: epsilon is not bias-corrected. The two agree where
    epsilon = epsilon_pytorch * sqrt(1 - beta2^t).

    Args:
        learning_rate: rate, > 0, or a schedule: see `mpsnn.schedules`.
        beta1: At least 0 and less than 1.
        beta2: At least 0 and less than 1.
        epsilon: > 0, outside the root.
        amsgrad: Divide by the root of the largest v so far, not of v. Reddi et al., ICLR 2018.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    amsgrad: bool = False

    def __post_init__(self) -> None:
        self._check(self.learning_rate)
        arguments.fraction("adam", "beta1", self.beta1)
        arguments.fraction("adam", "beta2", self.beta2)
        arguments.positive("adam", "epsilon", self.epsilon)

    @property
    def state(self) -> str:
        """Two running moments, and the largest of the second."""
        return "first and second moment" + (" and maximum" if self.amsgrad else "")

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.Adam(self.beta1, self.beta2, self.epsilon, 0.0, self.amsgrad)


@dataclass(frozen=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay. Loshchilov & Hutter, ICLR 2019.

    w <- w * (1 - rate * weight_decay), then as `Adam`. MPS has no such optimizer.

    Args:
        learning_rate: As in `Adam`, like the others.
        beta1: As in `Adam`.
        beta2: As in `Adam`.
        epsilon: As in `Adam`.
        amsgrad: As in `Adam`.
        weight_decay: At least 0.

    Raises:
        ShapeError: If a number is not accepted.
    """

    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.not_negative("adamw", "weight_decay", self.weight_decay)

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.Adam(self.beta1, self.beta2, self.epsilon, self.weight_decay, self.amsgrad)
