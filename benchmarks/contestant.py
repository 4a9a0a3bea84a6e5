"""What every contestant offers to its worker process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Mode = Literal["train", "infer"]


class Task(NamedTuple):
    """What is to be run, and on how many threads."""

    workload: str
    mode: Mode
    batch: int
    threads: int


class Contestant(NamedTuple):
    """A network that is set up.

    `run(steps)` returns when the results of so many steps are there: the last loss, or the last
    outputs (N, ...), channels last. `parameters` is how many numbers training changes.
    """

    run: Callable[[int], NDArray[Any]]
    parameters: int


def scalar(value: Any) -> NDArray[np.float32]:
    """A loss."""
    return np.asarray(value, np.float32)


def variant_of(name: str) -> str:
    """The words behind the family: "jax float32" is the variant float32."""
    return name.partition(" ")[2]
