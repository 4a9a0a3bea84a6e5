"""The learning rate of a trainer, step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mpsnn import _core
from mpsnn.schedules import Schedule, rate_at


class Rate:
    """A number, or a schedule that is asked before every step that makes an update.

    The schedule counts the steps that were submitted, from where a loaded run stood.
    """

    def __init__(self, core: _core.Trainer, rate: float | Schedule, accumulate: int) -> None:
        self._core = core
        self._accumulate = accumulate
        self._lock = threading.Lock()  # a step is submitted with the rate that is its own
        self._schedule: Schedule | None = rate if callable(rate) else None
        self._submitted = 0

    @property
    def current(self) -> float:
        """Of the next step."""
        schedule = self._schedule
        if schedule is None:
            return self._core.learning_rate
        return rate_at(schedule, self._submitted // self._accumulate)

    def set(self, rate: float) -> None:
        """Use this from now on, and no schedule."""
        with self._lock:
            self._core.learning_rate = rate
            self._schedule = None

    def resume(self) -> None:
        """Go on from the step that the trainer is at."""
        with self._lock:
            self._submitted = self._core.session.step

    @contextmanager
    def of_next_step(self) -> Iterator[None]:
        """Around the submission of one step; one that is refused does not count."""
        if self._schedule is None:
            yield
            return
        with self._lock:
            self._core.learning_rate = self.current
            yield
            self._submitted += 1
