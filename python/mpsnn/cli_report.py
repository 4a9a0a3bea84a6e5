"""Progress of a training run, as a bar on a terminal and as lines elsewhere; and its result."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
    """Lines, of steps at most one in ten seconds. `unit` is what examples are called."""

    def __init__(self, console: Console, steps: int, done: int, unit: str) -> None:
        self._console = console
        self._steps = steps
        self._unit = unit
        self._first = self._done = done
        self._started = self._last = monotonic()

    def say(self, text: str) -> None:
        """Print one line, as it is."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)
        self._last = monotonic()

    def step(self, loss: float, rate: float) -> None:
        """One more step has ended; `rate` is in examples per second."""
        self._done += 1
        now = monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        left = (now - self._started) / (self._done - self._first) * (self._steps - self._done)
        self.say(
            f"step {self._done}/{self._steps}  loss {loss:.4f}  {rate:,.0f} {self._unit}/s  "
            f"{left:.0f} s left"
        )


class Bar(Lines):
    """A bar with loss, examples per second and time left, above which lines appear."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        super().__init__(progress.console, 0, 0, "")
        self._progress = progress
        self._task = task

    def step(self, loss: float, rate: float) -> None:
        """One more step has ended; `rate` is in examples per second."""
        self._progress.update(self._task, advance=1, loss=loss, rate=rate)


@contextmanager
def report(console: Console, steps: int, done: int, unit: str = "images") -> Iterator[Lines]:
    """A report fit for `console`, of a run of `steps` of which some are `done`."""
    if not console.is_terminal:
        yield Lines(console, steps, done, unit)
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TextColumn(f"{{task.fields[rate]:,.0f}} {unit}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4, transient=True) as progress:
        task = progress.add_task("", total=steps, completed=done, loss=float("nan"), rate=0.0)
        yield Bar(progress, task)


def memory(training_step: Mapping[str, int]) -> dict[str, int]:
    """Bytes: of a training step, as `Trainer.memory_report` has them, and of the process.

    Returns:
        Of the step "arena_bytes", "parameter_bytes" and "state_bytes"; and "peak_bytes", the most
        that the process had in memory so far.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    kept = ("arena_bytes", "parameter_bytes", "state_bytes")
    return {**{key: training_step[key] for key in kept}, "peak_bytes": peak * unit}


def costs(compile_seconds: float, step: Mapping[str, int]) -> str:
    """The time to compile and what `memory` returns, as a line of text."""
    mb = {key: f"{value / 1e6:,.1f} MB" for key, value in step.items()}
    return (
        f"compiled in {compile_seconds:.2f} s; {mb['peak_bytes']} of memory at most, among them "
        f"parameters {mb['parameter_bytes']}, optimizer state {mb['state_bytes']}, "
        f"intermediate values {mb['arena_bytes']}"
    )


def per_class(
    classes: Sequence[str], matrix: NDArray[np.int64]
) -> dict[str, dict[str, float | int | None]]:
    """Of each class: its examples, the share found, and the share of findings that are right.

    A share of nothing is None.

    Args:
        classes: Names.
        matrix: How often class i was taken for class j.
    """
    right = np.diag(matrix).tolist()
    truth, found = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
    return {
        name: {
            "examples": truth[i],
            "recall": right[i] / truth[i] if truth[i] else None,
            "precision": right[i] / found[i] if found[i] else None,
        }
        for i, name in enumerate(classes)
    }


def class_table(classes: Sequence[str], matrix: NDArray[np.int64]) -> str:
    """`per_class` as lines of text."""

    def percent(share: Any) -> str:
        return "-" if share is None else f"{share:.1%}"

    width = max(len("class"), *map(len, classes))
    lines = [f"{'class':<{width}}  examples  recall  precision"]
    for name, row in per_class(classes, matrix).items():
        recall, precision = percent(row["recall"]), percent(row["precision"])
        lines.append(f"{name:<{width}}  {row['examples']:>8}  {recall:>6}  {precision:>9}")
    return "\n".join(lines)
