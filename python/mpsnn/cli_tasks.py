"""What `mpsnn train` can train: data, network, and how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mpsnn import data, models
from mpsnn.graph import Graph


class Examples(NamedTuple):
    """What to train on, and what to test on."""

    train: NDArray[Any]
    train_labels: NDArray[Any]
    test: NDArray[Any]
    test_labels: NDArray[Any]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One command.

    Attributes:
        name: Of the command.
        unit: What its examples are called, for example "images".
        load: Reads the examples.
        network: Describes the network.
        batch: Examples per step.
        epochs: Passes over the training examples.
        learning_rate: Of Adam, in the first epoch.
        decay: Of the learning rate, per epoch.
        per_class: Whether to report every class.
    """

    name: str
    unit: str
    load: Callable[[], Examples]
    network: Callable[[Graph], models.Classifier]
    batch: int
    epochs: int
    learning_rate: float
    decay: float
    per_class: bool = False


def _digits() -> Examples:
    d = data.digits()
    classes = tuple(map(str, range(10)))
    return Examples(d.train_images, d.train_labels, d.test_images, d.test_labels, classes)


def _activity() -> Examples:
    a = data.activity()
    return Examples(a.train_windows, a.train_labels, a.test_windows, a.test_labels, a.classes)


DIGITS = Task("digits", "images", _digits, lambda g: models.digits(g), 64, 5, 1e-3, 0.8)
ACTIVITY = Task(
    "activity", "windows", _activity, lambda g: models.activity(g), 32, 20, 1e-3, 0.9, True
)
