"""Learning rates that change while training, without another compiled graph.

A schedule is a function from t, the number of updates before this one, to the learning rate of
this one. Those here are dataclasses; any other callable will do as well.

    optimizer = mpsnn.SGD(schedules.WarmUp(schedules.CosineDecay(0.1, steps=10_000), steps=500))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mpsnn import arguments
from mpsnn._core import ShapeError

Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same rate for ever.

    Args:
        rate: At least 0.
    """

    rate: float

    def __post_init__(self) -> None:
        arguments.not_negative("constant", "rate", self.rate)

    def __call__(self, t: int) -> float:
        """The learning rate of update `t`, counted from 0."""
        return self.rate


@dataclass(frozen=True)
class StepDecay:
    """rate * factor^floor(t / every).

    Args:
        rate: The first one, at least 0.
        every: Updates between two changes.
        factor: At least 0.
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        arguments.not_negative("step_decay", "rate", self.rate)
        arguments.integer("step_decay", "every", self.every, 1)
        arguments.not_negative("step_decay", "factor", self.factor)

    def __call__(self, t: int) -> float:
        """The learning rate of update `t`, counted from 0."""
        return self.rate * self.factor ** (t // self.every)


@dataclass(frozen=True)
class CosineDecay:
    """From rate to final along half a cosine, then final. Loshchilov & Hutter 2017.

    final + (rate - final) * (1 + cos(pi * t / steps)) / 2

    Args:
        rate: The first one, at least 0.
        steps: Updates until `final`.
        final: The last one, at least 0.
    """

    rate: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        arguments.not_negative("cosine_decay", "rate", self.rate)
        arguments.integer("cosine_decay", "steps", self.steps, 1)
        arguments.not_negative("cosine_decay", "final", self.final)

    def __call__(self, t: int) -> float:
        """The learning rate of update `t`, counted from 0."""
        return _cosine(self.rate, self.final, t / self.steps)


@dataclass(frozen=True)
class WarmUp:
    """From almost 0 up to a schedule's first rate in equal steps, then that schedule.

    Args:
        then: A rate, or a schedule, which sees t - steps.
        steps: Updates of warming up; update t of them has (t + 1) / (steps + 1) of the rate.
    """

    then: float | Schedule
    steps: int

    def __post_init__(self) -> None:
        if not callable(self.then):
            arguments.not_negative("warm_up", "then", self.then)
        arguments.integer("warm_up", "steps", self.steps, 0)

    def __call__(self, t: int) -> float:
        """The learning rate of update `t`, counted from 0."""
        rate = rate_at(self.then, max(0, t - self.steps))
        return rate * (t + 1) / (self.steps + 1) if t < self.steps else rate


@dataclass(frozen=True)
class OneCycle:
    """Up to a peak along half a cosine, and down again to almost nothing. Smith 2018.

    Args:
        peak: The largest rate, at least 0.
        steps: Updates of the whole cycle; the rate stays at its last value afterwards.
        rise: Share of the steps before the peak, more than 0 and less than 1.
        start: The first rate, as a share of the peak.
        final: The last rate, as a share of the peak.
    """

    peak: float
    steps: int
    rise: float = 0.3
    start: float = 1 / 25
    final: float = 1e-4 / 25

    def __post_init__(self) -> None:
        arguments.not_negative("one_cycle", "peak", self.peak)
        arguments.integer("one_cycle", "steps", self.steps, 2)
        arguments.not_negative("one_cycle", "start", self.start)
        arguments.not_negative("one_cycle", "final", self.final)
        if not 0 < arguments.real("one_cycle", "rise", self.rise) < 1:
            raise ShapeError(
                f"one_cycle: rise must be more than 0 and less than 1, got {self.rise}"
            )

    def __call__(self, t: int) -> float:
        """The learning rate of update `t`, counted from 0."""
        top = self.rise * self.steps - 1  # where the peak is, as in PyTorch
        if t <= top:
            return _cosine(self.start * self.peak, self.peak, t / top)
        return _cosine(self.peak, self.final * self.peak, (t - top) / (self.steps - 1 - top))


def rate_at(rate: float | Schedule, t: int) -> float:
    """A rate, or what a schedule gives for update `t`.

    Raises:
        ShapeError: If that is no finite number of at least 0.
    """
    if not callable(rate):
        return rate
    return arguments.not_negative("schedule", f"learning rate of update {t}", rate(t))


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
