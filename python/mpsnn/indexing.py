"""What stands between the brackets of `x[...]`, and what `Graph.slice` takes, as bounds."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import SupportsIndex, TypeAlias

from mpsnn import arguments
from mpsnn._core import ShapeError

Entry: TypeAlias = SupportsIndex | slice | EllipsisType
Index: TypeAlias = Entry | tuple[Entry, ...]
"""Ints, slices and at most one ellipsis."""


def bounds(index: slice, extent: int) -> tuple[int, int, int]:
    """Start, stop and step of `index` on an axis: negative ones counted, others cut, as in numpy.

    Raises:
        TypeError: If one of them is no integer.
        ShapeError: If the step is less than 1.
    """
    step = 1 if index.step is None else arguments.integer("slice", "step", index.step, 1)
    start, stop = _place("start", index.start), _place("stop", index.stop)
    first, last, _ = slice(start, stop, step).indices(extent)
    return first, arguments.integer("slice", "stop", last), step


def entries(index: Index, shape: tuple[int, ...]) -> list[slice | int]:
    """A slice, or an int that is not negative, for each axis of a value of `shape`.

    Raises:
        IndexError: If an int is outside of its axis.
        ShapeError: If there are more entries than axes.
        TypeError: If an entry is something else.
    """
    given = list(index) if isinstance(index, tuple) else [index]
    dots = [i for i, entry in enumerate(given) if isinstance(entry, EllipsisType)]
    missing = len(shape) - (len(given) - len(dots))
    if missing < 0 or len(dots) > 1:
        raise ShapeError(f"slice: index {index!r} has more entries than x {shape} has axes")
    at = dots[0] if dots else len(given)
    given[at : at + len(dots)] = [slice(None)] * missing
    return [_entry(entry, axis, shape) for axis, entry in enumerate(given)]


def _entry(entry: object, axis: int, shape: tuple[int, ...]) -> slice | int:
    if isinstance(entry, slice):
        return entry
    place = _place("index", entry)
    if place is None:
        raise TypeError("slice: index must be of integers and slices, got None")
    if not -shape[axis] <= place < shape[axis]:
        raise IndexError(f"slice: index {place} is outside of axis {axis} of x {shape}")
    return place % shape[axis]


def _place(argument: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"slice: {argument} must be an integer, got {value!r}")
    return operator.index(value)
