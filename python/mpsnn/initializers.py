"""Distributions of first weights.

An initialiser is a callable (shape, generator) -> array. The first axis of a shape is the
output, as in (O, K.h, K.w, C / groups) of conv2d and (O, size of x) of dense; so fan_in
is the product of the other axes, and fan_out is O * K.h * K.w.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError

Array: TypeAlias = NDArray[np.float32]
Initializer: TypeAlias = Callable[[tuple[int, ...], np.random.Generator], Array]


def check(op: str, argument: str, initializer: Initializer) -> None:
    """That it is one, and no class of them.

    Raises:
        TypeError: Naming op and argument, if it is none.
    """
    if not callable(initializer) or isinstance(initializer, type):
        raise TypeError(f"{op}: {argument} must be one such as HeNormal(), got {initializer!r}")


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: the terms of one output, the readers of one input.

    Raises:
        ShapeError: If the shape has fewer than two axes, as that of a bias.
    """
    if len(shape) < 2:
        raise ShapeError(f"a weight of shape {shape} has no fan; it needs two axes or more")
    area = math.prod(shape[1:-1])
    return area * shape[-1], area * shape[0]


@dataclass(frozen=True)
class Constant:
    """Every element is `value`."""

    value: float = 0.0

    def __post_init__(self) -> None:
        arguments.real("constant", "value", self.value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`."""
        return np.full(shape, self.value, np.float32)


@dataclass(frozen=True)
class Uniform:
    """Uniform in [low, high)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        low = arguments.real("uniform", "low", self.low)
        if low > arguments.real("uniform", "high", self.high):
            raise ShapeError(f"uniform: low {self.low} is greater than high {self.high}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`."""
        return rng.uniform(self.low, self.high, shape).astype(np.float32)


@dataclass(frozen=True)
class GlorotUniform:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)). Glorot & Bengio, AISTATS 2010, eq. 16."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`, which has two axes or more."""
        limit = math.sqrt(6 / sum(fans(shape)))
        return rng.uniform(-limit, limit, shape).astype(np.float32)


@dataclass(frozen=True)
class GlorotNormal:
    """Normal with variance 2 / (fan_in + fan_out). Glorot & Bengio, AISTATS 2010, eq. 12."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`, which has two axes or more."""
        return rng.normal(0, math.sqrt(2 / sum(fans(shape))), shape).astype(np.float32)


@dataclass(frozen=True)
class HeUniform:
    """Uniform in +-sqrt(6 / fan_in), for layers before a relu. He et al., ICCV 2015, eq. 10."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`, which has two axes or more."""
        limit = math.sqrt(6 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape).astype(np.float32)


@dataclass(frozen=True)
class HeNormal:
    """Normal with variance 2 / fan_in, for layers before a relu. He et al., ICCV 2015, eq. 10."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`, which has two axes or more."""
        return rng.normal(0, math.sqrt(2 / fans(shape)[0]), shape).astype(np.float32)


@dataclass(frozen=True)
class Orthogonal:
    """Rows or columns, whichever are fewer, are orthogonal and of length `gain`.

    For recurrent weights. Source: Saxe et al., ICLR 2014.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        arguments.real("orthogonal", "gain", self.gain)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Array of `shape`, which has two axes or more; those behind the first are one."""
        fans(shape)
        rows, columns = shape[0], math.prod(shape[1:])
        normal = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q *= np.sign(np.diag(r))  # or it would not be uniform over all of them
        square = q if rows >= columns else q.T
        return (self.gain * square).reshape(shape).astype(np.float32)


ZERO = Constant(0.0)
ONE = Constant(1.0)
GLOROT_UNIFORM = GlorotUniform()
ORTHOGONAL = Orthogonal()
