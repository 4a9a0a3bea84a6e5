"""The sizes that a detector measures boxes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.boxes import checked
from mpsnn.detection.grid import shape_iou

MOST_ROUNDS = 300


def anchors(
    boxes: Sequence[ArrayLike], count: int = 5, *, stride: int, seed: int = 0
) -> tuple[tuple[float, float], ...]:
    """Sizes that are like those of the boxes: k-means with 1 - IoU as the distance.

    As in section 2 of YOLO v2, https://arxiv.org/abs/1612.08242. The first centres are chosen as
    by k-means++ (Arthur & Vassilvitskii 2007): each with a chance in proportion to the square of
    its distance from those before. A centre then moves to the mean size of the boxes nearest to
    it, until none moves.

    Args:
        boxes: Of each picture, (M, 4).
        count: Anchors wanted.
        stride: Pixels of a cell.
        seed: Of the first centres.

    Returns:
        `count` pairs (width, height) in cells, by rising area.

    Raises:
        ShapeError: If there are fewer different sizes than anchors, or a number is not accepted.
    """
    wanted = arguments.integer("anchors", "count", count, 1)
    cell = arguments.integer("anchors", "stride", stride, 1)
    corners = np.concatenate(
        [np.empty((0, 4), np.float32), *(checked("anchors", "boxes", some) for some in boxes)]
    )
    sizes = (corners[:, 2:] - corners[:, :2]).astype(np.float64) / cell
    sizes = sizes[(sizes > 0).all(axis=1)]
    different = len(np.unique(sizes, axis=0))
    if different < wanted:
        raise ShapeError(f"anchors: {wanted} need as many different sizes, got {different}")
    centres = _first(sizes, wanted, np.random.default_rng(arguments.seed(seed)))
    for _ in range(MOST_ROUNDS):
        nearest = shape_iou(sizes, centres).argmax(axis=1)
        moved = np.stack(
            [
                sizes[nearest == i].mean(axis=0) if (nearest == i).any() else centres[i]
                for i in range(wanted)
            ]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    order = np.argsort(np.prod(centres, axis=1), kind="stable")
    return tuple((float(w), float(h)) for w, h in centres[order])


def _first(sizes: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    chosen = [sizes[rng.integers(len(sizes))]]
    while len(chosen) < count:
        distance = 1 - shape_iou(sizes, np.stack(chosen)).max(axis=1)
        chance = np.maximum(distance, 0) ** 2
        chosen.append(sizes[rng.choice(len(sizes), p=chance / chance.sum())])
    return np.stack(chosen)
