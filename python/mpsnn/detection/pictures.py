"""Pictures with boxes. Needs matplotlib: pip install mpsnn[plot]."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.boxes import checked
from mpsnn.detection.grid import Detections

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOUND, TRUE = "gold", "white"


def save_boxes(
    path: str | PathLike[str],
    images: NDArray[np.uint8],
    found: Sequence[Detections],
    boxes: Sequence[ArrayLike],
    title: str,
    *,
    columns: int = 4,
    min_score: float = 0.3,
) -> None:
    """Draw pictures with the boxes found, and their scores, over the true ones, as a PNG.

    Draws without a display, and leaves matplotlib's own backend and figures alone.

    Args:
        path: Of the file.
        images: uint8 (N, H, W, 3).
        found: In each; solid lines.
        boxes: What there is in each, (M, 4); dashed lines.
        title: Of the picture.
        columns: Pictures side by side.
        min_score: Of the boxes drawn.

    Raises:
        ShapeError: If the lengths differ, or a number is not accepted.
        OSError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = arguments.integer("save_boxes", "columns", columns, 1)
    least = arguments.real("save_boxes", "min_score", min_score)
    if images.ndim != 4 or not len(images) == len(found) == len(boxes) > 0:
        raise ShapeError(
            f"save_boxes: images must be (N, H, W, 3), got {images.shape}, "
            f"with as many found, got {len(found)}, and boxes, got {len(boxes)}"
        )
    rows = -(-len(images) // width)
    figure = Figure(figsize=(3 * width, 3 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\nsolid: found, with scores of {least:g} or more; dashed: true")
    axes = figure.subplots(rows, width, squeeze=False).flat
    for place, image, some, truth in zip(axes, images, found, boxes, strict=False):
        place.imshow(image)
        _draw(place, checked("save_boxes", "boxes", truth), TRUE, "--")
        shown = some.scores >= least
        _draw(place, some.boxes[shown], FOUND, "-", some.scores[shown])
    for place in figure.axes:
        place.axis("off")
    figure.savefig(path, format="png", dpi=100)


def _draw(
    axes: Axes,
    boxes: NDArray[np.float32],
    color: str,
    line: str,
    scores: NDArray[Any] | None = None,
) -> None:
    from matplotlib.patches import Rectangle

    for i, (xmin, ymin, xmax, ymax) in enumerate(boxes.tolist()):
        size = xmax - xmin, ymax - ymin
        axes.add_patch(Rectangle((xmin, ymin), *size, fill=False, edgecolor=color, linestyle=line))
        if scores is not None:
            axes.text(xmin + 2, ymin + 2, f"{scores[i]:.2f}", color=color, fontsize=6, va="top")
