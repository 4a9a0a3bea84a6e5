"""Checks of what a user passes to an op, so that a mistake names op and argument."""

from __future__ import annotations

import math
import operator
import reprlib
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mpsnn._core import Device, LossScale, Precision, ShapeError, backend_names

Pair = int | tuple[int, int]
"""One number for both axes, or (rows, columns), in pixels."""

Padding = Literal["same", "valid"] | int | tuple[int, int, int, int]
"""Zeros around an image: a rule, one number for all sides, or (top, bottom, left, right)."""

Sides = Literal["same", "valid"] | tuple[int, int, int, int]
"""Padding as the engine takes it."""

_LARGEST = 2**31 - 1


def integer(op: str, argument: str, value: SupportsIndex, low: int = 0) -> int:
    """`value` as an int of at least `low`, small enough for the engine."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {argument} must be an integer, got {value!r}")
    number = operator.index(value)
    if not low <= number <= _LARGEST:
        raise ShapeError(f"{op}: {argument} must be from {low} to {_LARGEST}, got {number}")
    return number


def real(op: str, argument: str, value: float) -> float:
    """`value` as a finite float."""
    wrong = isinstance(value, bool | str) or not hasattr(value, "__float__")
    if wrong or np.iscomplexobj(value) or np.ndim(value):  # numpy's have a __float__
        raise TypeError(f"{op}: {argument} must be a number, got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ShapeError(f"{op}: {argument} must be finite, got {number}")
    return number


def array(op: str, argument: str, value: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """`value` as an array of `dtype`, if it is of real numbers."""
    try:
        given = np.asarray(value)
        if given.dtype.kind in "biufO":
            return np.asarray(given, dtype)
    except ValueError as reason:  # of one depth, but not of one length
        raise ShapeError(
            f"{op}: {argument} must be numbers in rows of one length, got {reprlib.repr(value)}"
        ) from reason
    except TypeError:
        pass
    raise TypeError(f"{op}: {argument} must be numbers, got {reprlib.repr(value)}")


def fraction(op: str, argument: str, value: float) -> float:
    """`value` as a float of at least 0 and less than 1."""
    number = real(op, argument, value)
    if not 0 <= number < 1:
        raise ShapeError(f"{op}: {argument} must be at least 0 and less than 1, got {number}")
    return number


def positive(op: str, argument: str, value: float) -> float:
    """`value` as a float greater than 0."""
    number = real(op, argument, value)
    if number <= 0:
        raise ShapeError(f"{op}: {argument} must be greater than 0, got {number}")
    return number


def backend(op: str, name: str | None, device: Device | None) -> tuple[str, int]:
    """The backend that the two name, "" for the fastest, and the device's id, 0 for its first."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{op}: backend must be one of backend_names(), got {name!r}")
    if device is None:
        return name or "", 0
    if not isinstance(device, Device):
        raise TypeError(f"{op}: device must be one of devices(), got {device!r}")
    if name not in (None, device.backend):
        raise ShapeError(f"{op}: device is {device!r}, which is none of backend {name!r}")
    return device.backend, device.id


Choice = TypeVar("Choice", bound=str)


def choice(op: str, argument: str, value: Choice, names: Sequence[str]) -> Choice:
    """`value`, if it is one of `names`."""
    if not isinstance(value, str) or value not in names:
        *most, last = map(repr, names)
        raise ShapeError(f"{op}: {argument} must be {', '.join(most)} or {last}, got {value!r}")
    return value


Float = Literal["float32", "bfloat16", "float16"]
"""Numbers to compute in."""


def precision(op: str, backend: str, values: Float, gradients: Float | None = None) -> Precision:
    """Both, if they are numbers to compute in. None: float32 on metal, else as the values."""
    names = ("float32", "bfloat16", "float16")
    choice(op, "precision", values, names)
    if gradients is None:
        gradients = "float32" if (backend or backend_names()[0]) == "metal" else values
    return Precision(values, choice(op, "gradient_precision", gradients, names))


def loss_scale(value: float | Literal["dynamic"] | None, numbers: Precision) -> LossScale:
    """As it is at first; None: dynamic where gradients can overflow, else 1."""
    if value == "dynamic" or (value is None and numbers.gradients == "float16"):
        return LossScale(2.0**16, growth_interval=2000)
    if value is None:
        return LossScale()
    if isinstance(value, str):
        raise ShapeError(f"trainer: loss_scale must be 'dynamic' or a number, got {value!r}")
    return LossScale(positive("trainer", "loss_scale", value))


def pair(op: str, argument: str, value: Pair) -> tuple[int, int]:
    """`value` as (rows, columns), each at least 1."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise ShapeError(f"{op}: {argument} must be one integer or two, got {value!r}")
    return integer(op, argument, both[0], 1), integer(op, argument, both[1], 1)


def shape(op: str, argument: str, value: Sequence[int]) -> list[int]:
    """`value` as a list of extents, each at least 1."""
    return [integer(op, argument, extent, 1) for extent in value]


def padding(op: str, value: Padding) -> Sides:
    """`value` as a rule or as (top, bottom, left, right)."""
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise ShapeError(f"{op}: padding must be 'same', 'valid' or numbers, got {value!r}")
        return value
    sides = value if isinstance(value, tuple | list) else (value,) * 4
    if len(sides) != 4:
        raise ShapeError(
            f"{op}: padding must be one integer or (top, bottom, left, right), got {value!r}"
        )
    top, bottom, left, right = (integer(op, "padding", side) for side in sides)
    return top, bottom, left, right


def seed(value: SupportsIndex, argument: str = "seed") -> int:
    """`value` as an unsigned number of 64 bits."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{argument}: must be an integer, got {value!r}")
    number = operator.index(value)
    if not 0 <= number < 2**64:
        raise ShapeError(f"{argument}: must be from 0 to 2**64 - 1, got {number}")
    return number


def not_negative(op: str, argument: str, value: float) -> float:
    """`value`, if it is a finite number of at least 0."""
    number = real(op, argument, value)
    if number < 0:
        raise ShapeError(f"{op}: {argument} must not be negative, got {value!r}")
    return number
