"""The learning rate of a trainer, step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mpsnn import _core
from mpsnn._core import Error
from mpsnn.schedules import Schedule, rate_at


class Rate:
    """A number, or a schedule that is asked before every step that makes an update.

    The schedule counts the steps that were submitted, those that were skipped or failed
    included, from where a loaded run stood.
    """

    def __init__(self, core: _core.Trainer, rate: float | Schedule, accumulate: int) -> None:
        self._core = core
        self._accumulate = accumulate
        self._lock = threading.RLock()
        self._schedule: Schedule | None = rate if callable(rate) else None
        self._asking = False
        self._submitted = 0

    @property
    def current(self) -> float:
        """Of the next step."""
        with self._free():
            return self._current()

    @property
    def submitted(self) -> int | None:
        """Steps that the schedule has counted; None without one."""
        with self._free():
            return None if self._schedule is None else self._submitted

    def set(self, rate: float) -> None:
        """Use this from now on, and no schedule."""
        with self._free():
            self._core.learning_rate = rate
            self._schedule = None

    def resume(self, submitted: int | None) -> None:
        """Go on behind so many steps; None: from the step that the trainer is at."""
        with self._free():
            self._submitted = self._core.session.step if submitted is None else submitted

    @contextmanager
    def of_next_step(self) -> Iterator[float | None]:
        """Around the submission of one step: the rate that a schedule gives it.

        A step that is refused does not count.
        """
        with self._free():
            scheduled = self._schedule is not None
            if scheduled:
                self._core.learning_rate = rate = self._current()
                self._submitted += 1
        try:
            yield rate if scheduled else None
        except BaseException:
            with self._lock:
                self._submitted -= scheduled
            raise

    @contextmanager
    def _free(self) -> Iterator[None]:
        # The lock lets its own thread in again, which is how a schedule would get here.
        with self._lock:
            if self._asking:
                raise Error("learning_rate: a schedule cannot use the trainer that asks it")
            yield

    def _current(self) -> float:
        if self._schedule is None:
            return self._core.learning_rate
        self._asking = True
        try:
            return rate_at(self._schedule, self._submitted // self._accumulate)
        finally:
            self._asking = False
