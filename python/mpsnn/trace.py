"""A timeline of what the threads of a program did."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpsnn import _core, arguments


class Trace:
    """Records what a loader and a trainer do that are given it, until it is saved.

    The threads have a row each: "loader" prepares batches; "caller" waits for them, waits for a
    place in the queue and copies the batch to it; "engine" runs the steps. A trace costs a few
    microseconds per event; without one, nothing is recorded and nothing is lost.

    Args:
        most: Events kept, of about 100 bytes each; later ones are counted in `dropped`.

    Raises:
        ShapeError: If `most` is negative.
    """

    def __init__(self, most: int = 1_000_000) -> None:
        self.core = _core.Trace(arguments.integer("trace", "most", most))

    def __len__(self) -> int:
        """Events so far."""
        return len(self.core)

    @property
    def dropped(self) -> int:
        """Events that came after the last that is kept."""
        return self.core.dropped

    @contextmanager
    def span(self, name: str, number: int | None = None) -> Iterator[None]:
        """Record how long the program itself takes for what is inside the `with`.

        Args:
            name: Of the event, in the row "caller".
            number: Written behind the name, at least 0; None: nothing is.

        Raises:
            ShapeError: If the number is negative.
        """
        shown = -1 if number is None else arguments.integer("trace", "number", number)
        started = time.monotonic()
        try:
            yield
        finally:
            self.core.add(str(name), shown, time.monotonic() - started)

    def save(self, path: str | Path) -> None:
        """Write all events so far as JSON, for chrome://tracing or ui.perfetto.dev.

        Raises:
            OSError: If the file cannot be written.
        """
        Path(path).write_text(self.core.json(), encoding="utf-8")


def core(op: str, trace: Trace | None) -> _core.Trace | None:
    """What the engine takes.

    Raises:
        TypeError: If it is no trace.
    """
    if trace is None:
        return None
    if not isinstance(trace, Trace):
        raise TypeError(f"{op}: trace must be a Trace, got {type(trace).__name__}")
    return trace.core
