"""Pictures of a training run. Needs matplotlib: pip install mpsnn[plot]."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpsnn._core import Error

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def check() -> None:
    """Find out whether pictures can be drawn.

    Raises:
        Error: If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise Error("plots need matplotlib, which is not installed: pip install mpsnn[plot]")


def confusion_matrix(
    labels: NDArray[Any], predictions: NDArray[Any], classes: int
) -> NDArray[np.int64]:
    """How often class i was taken for class j, (classes, classes).

    Args:
        labels: True classes, (N,).
        predictions: Predicted classes, (N,).
        classes: Their number.
    """
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def save_training(
    path: str | PathLike[str],
    losses: Sequence[float],
    matrix: NDArray[np.int64],
    title: str,
    classes: Sequence[str],
) -> None:
    """Draw the loss of each step and a confusion matrix, as a PNG.

    Draws without a display, and leaves matplotlib's own backend and figures alone.

    Args:
        path: Of the file.
        losses: One for each step.
        matrix: Rows are true classes.
        title: Of the picture.
        classes: Names, in the order of the rows.

    Raises:
        OSError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    _draw_losses(left, losses)
    _draw_matrix(right, matrix, classes)
    figure.savefig(path, format="png", dpi=120)


def _draw_losses(axes: Axes, losses: Sequence[float]) -> None:
    axes.plot(np.arange(1, len(losses) + 1), losses, linewidth=0.8, alpha=0.4, label="step")
    width = max(1, len(losses) // 20)
    if len(losses) > width:
        mean = np.convolve(losses, np.full(width, 1 / width), mode="valid")
        axes.plot(np.arange(width, len(losses) + 1), mean, label=f"mean of {width}")
        axes.legend()
    axes.set(xlabel="step", ylabel="loss", title="training loss")


def _draw_matrix(axes: Axes, matrix: NDArray[np.int64], classes: Sequence[str]) -> None:
    axes.imshow(np.log1p(matrix), cmap="Blues")
    for (i, j), count in np.ndenumerate(matrix):
        if count:
            color = "white" if np.log1p(count) > np.log1p(matrix.max()) / 2 else "black"
            axes.text(j, i, str(count), ha="center", va="center", fontsize=7, color=color)
    axes.set(xlabel="predicted", ylabel="true", title="test")
    axes.set_xticks(range(len(matrix)), classes)
    axes.set_yticks(range(len(matrix)), classes)
