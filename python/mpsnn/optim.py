"""Update rules. w is a parameter, g the gradient of the mean loss, t the step from 1.

The equations are those of MPSNNOptimizer; where they differ from PyTorch's, the class says
how. The rules run on the device and keep their state there, in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mpsnn import arguments
from mpsnn._core import ShapeError, ops

Rule: TypeAlias = ops.Sgd | ops.RmsProp | ops.Adam


class Optimizer(Protocol):
    """What a `Trainer` needs of an optimizer."""

    @property
    def learning_rate(self) -> float:
        """The first learning rate; `Trainer.learning_rate` changes it later."""

    @property
    def state(self) -> str:
        """What it keeps per parameter; a checkpoint resumes only under the same."""

    def rule(self) -> Rule:
        """The op that updates one parameter."""


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum or Nesterov momentum.

    Without momentum       w <- w - rate * g
    With momentum          m <- momentum * m + rate * g;  w <- w - m
    Nesterov               m <- momentum * m + g;  w <- w - rate * (g + momentum * m)

    Differs from PyTorch: the learning rate is inside m (not so for Nesterov), which is the
    same as long as the rate does not change.

    Args:
        learning_rate: rate, > 0.
        momentum: At least 0 and less than 1.
        nesterov: Look ahead; needs momentum.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        arguments.positive("sgd", "learning_rate", self.learning_rate)
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


@dataclass(frozen=True)
class RMSProp:
    """Gradient descent scaled by a running mean square. Tieleman & Hinton 2012.

    s <- decay * s + (1 - decay) * g^2;  w <- w - rate * g / (sqrt(s) + epsilon)

    Differs from PyTorch: the default decay there is 0.99.

    Args:
        learning_rate: rate, > 0.
        decay: At least 0 and less than 1.
        epsilon: > 0, outside the root.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float = 1e-3
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        arguments.positive("rms_prop", "learning_rate", self.learning_rate)
        arguments.fraction("rms_prop", "decay", self.decay)
        arguments.positive("rms_prop", "epsilon", self.epsilon)

    @property
    def state(self) -> str:
        """One running mean square."""
        return "mean square"

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.RmsProp(self.decay, self.epsilon)


@dataclass(frozen=True)
class Adam:
    """Adaptive moments. Kingma & Ba, ICLR 2015, with the epsilon of section 2's last lines.

    m <- beta1 * m + (1 - beta1) * g;  v <- beta2 * v + (1 - beta2) * g^2
    w <- w - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)

    Differs from PyTorch: epsilon is not bias-corrected. The two agree where
    epsilon = epsilon_pytorch * sqrt(1 - beta2^t).

    Args:
        learning_rate: rate, > 0.
        beta1: At least 0 and less than 1.
        beta2: At least 0 and less than 1.
        epsilon: > 0, outside the root.

    Raises:
        ShapeError: If a number is not accepted.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        arguments.positive("adam", "learning_rate", self.learning_rate)
        arguments.fraction("adam", "beta1", self.beta1)
        arguments.fraction("adam", "beta2", self.beta2)
        arguments.positive("adam", "epsilon", self.epsilon)

    @property
    def state(self) -> str:
        """Two running moments."""
        return "first and second moment"

    def rule(self) -> Rule:
        """The op that updates one parameter."""
        return ops.Adam(self.beta1, self.beta2, self.epsilon)
