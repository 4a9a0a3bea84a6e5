"""Progress of a training run, as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 10.0


class Lines:
    """Lines, of steps at most one in ten seconds."""

    def __init__(self, console: Console, steps: int, done: int) -> None:
        self._console = console
        self._steps = steps
        self._first = self._done = done
        self._started = self._last = monotonic()

    def say(self, text: str) -> None:
        """Print one line, as it is."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)
        self._last = monotonic()

    def step(self, loss: float, rate: float) -> None:
        """One more step has ended; `rate` is in images per second."""
        self._done += 1
        now = monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        left = (now - self._started) / (self._done - self._first) * (self._steps - self._done)
        self.say(
            f"step {self._done}/{self._steps}  loss {loss:.4f}  {rate:,.0f} images/s  "
            f"{left:.0f} s left"
        )


class Bar(Lines):
    """A bar with loss, images per second and time left, above which lines appear."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        super().__init__(progress.console, 0, 0)
        self._progress = progress
        self._task = task

    def step(self, loss: float, rate: float) -> None:
        """One more step has ended; `rate` is in images per second."""
        self._progress.update(self._task, advance=1, loss=loss, rate=rate)


@contextmanager
def report(console: Console, steps: int, done: int) -> Iterator[Lines]:
    """A report fit for `console`, of a run of `steps` of which some are `done`."""
    if not console.is_terminal:
        yield Lines(console, steps, done)
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TextColumn("{task.fields[rate]:,.0f} images/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4, transient=True) as progress:
        task = progress.add_task("", total=steps, completed=done, loss=float("nan"), rate=0.0)
        yield Bar(progress, task)
