"""What `mpsnn train` can train: data, network, and how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mpsnn import data, models, plots
from mpsnn.cli_report import class_table, per_class
from mpsnn.graph import Graph
from mpsnn.loader import Loader
from mpsnn.optim import Adam, Optimizer
from mpsnn.schedules import StepDecay
from mpsnn.trace import Trace
from mpsnn.training import Trainer
from mpsnn.values import Value


class Network(NamedTuple):
    """The ends of a network."""

    loss: Value
    outputs: Value


class Source(Protocol):
    """Goes through the training examples."""

    def __len__(self) -> int:
        """Batches of an epoch."""

    def batches(self, epoch: int, first: int = 0) -> Iterator[tuple[Any, Any]]:
        """Those of an epoch, which depend on its number alone, from batch `first` on."""


@dataclass(frozen=True)
class Score:
    """What a test found.

    Attributes:
        key: What `--json` calls it.
        name: What a reader calls it.
        value: 0 to 1, the larger the better.
        details: More for `--json`.
        table: More for a reader.
        draw: Draws the result and the loss of each step into a file, under a title.
    """

    key: str
    name: str
    value: float
    draw: Callable[[Path, list[float], str], None]
    details: dict[str, object] = field(default_factory=dict)
    table: str = ""


class Examples(Protocol):
    """What to train on, and what to test on."""

    @property
    def count(self) -> int:
        """Training examples."""

    def network(self, graph: Graph) -> Network:
        """Describe the network for them."""

    def source(self, batch: int, seed: int, trace: Trace | None) -> Source:
        """Go through the training examples."""

    def test(self, trainer: Trainer) -> Score:
        """Test on the others."""


@dataclass(frozen=True)
class Task:
    """One command.

    Attributes:
        name: Of the command.
        unit: What its examples are called, for example "images".
        load: Reads the examples.
        optimizer: For a number of batches per epoch, and of epochs.
        batch: Examples per step.
        epochs: Passes over the training examples.
        epochs_per_test: Passes from one test to the next; there is one at the end too.
    """

    name: str
    unit: str
    load: Callable[[], Examples]
    optimizer: Callable[[int, int], Optimizer]
    batch: int
    epochs: int
    epochs_per_test: int = 1


@dataclass(frozen=True)
class Classified:
    """Examples that belong to one class each. `per_class`: whether to report every class."""

    train: NDArray[Any]
    train_labels: NDArray[Any]
    test_images: NDArray[Any]
    test_labels: NDArray[Any]
    classes: tuple[str, ...]
    classifier: Callable[[Graph], models.Classifier]
    per_class: bool = False

    @property
    def count(self) -> int:
        """Training examples."""
        return len(self.train)

    def network(self, graph: Graph) -> Network:
        """The classifier with its loss."""
        net = self.classifier(graph)
        loss = graph.softmax_cross_entropy(net.logits, net.labels)
        return Network(loss, graph.softmax(net.logits))

    def source(self, batch: int, seed: int, trace: Trace | None) -> Source:
        """The training examples, shuffled."""
        return Loader(self.train, self.train_labels, batch, seed=seed, trace=trace)

    def test(self, trainer: Trainer) -> Score:
        """Accuracy, and how often class i was taken for class j."""
        result = trainer.evaluate(self.test_images, self.test_labels)
        assert result.accuracy is not None
        guesses = result.outputs[0].argmax(axis=1)
        matrix = plots.confusion_matrix(self.test_labels, guesses, len(self.classes))

        def draw(path: Path, losses: list[float], title: str) -> None:
            plots.save_training(path, losses, matrix, title, self.classes)

        score = Score("test_accuracy", "accuracy", result.accuracy, draw)
        return self._with_classes(score, matrix) if self.per_class else score

    def _with_classes(self, score: Score, matrix: NDArray[np.int64]) -> Score:
        details: dict[str, object] = {"classes": per_class(self.classes, matrix)}
        table = class_table(self.classes, matrix)
        return Score(score.key, score.name, score.value, score.draw, details, table)


def _digits() -> Examples:
    d = data.digits()
    parts = d.train_images, d.train_labels, d.test_images, d.test_labels
    return Classified(*parts, tuple(map(str, range(10))), lambda g: models.digits(g))


def _activity() -> Examples:
    a = data.activity()
    parts = a.train_windows, a.train_labels, a.test_windows, a.test_labels
    return Classified(*parts, a.classes, lambda g: models.activity(g), per_class=True)


def decaying(rate: float, decay: float) -> Callable[[int, int], Optimizer]:
    """Adam with a learning rate that decays from epoch to epoch."""
    return lambda per_epoch, epochs: Adam(StepDecay(rate, per_epoch, decay))


DIGITS = Task("digits", "images", _digits, decaying(1e-3, 0.8), 64, 5)
ACTIVITY = Task("activity", "windows", _activity, decaying(1e-3, 0.9), 32, 20)
