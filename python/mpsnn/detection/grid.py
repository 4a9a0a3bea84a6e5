"""Between boxes and the cells that `Graph.yolo_loss` reads and a network makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.boxes import Boxes, checked, nms

LARGEST_LOG = 10.0  # a box of e^10 anchors; larger ones would overflow to no number
NUMBERS = 5  # of an anchor, before its classes: x, y, w, h, confidence


@dataclass(frozen=True)
class Grid:
    """What the numbers of a detector stand for: (rows, columns, A * (5 + classes)).

    Args:
        rows: Of cells.
        columns: Of cells.
        stride: Height and width of a cell, in pixels.
        anchors: Widths and heights that boxes are measured by, in cells: see `anchors`.
        classes: Kinds of objects.

    Raises:
        ShapeError: If a number is not accepted.
    """

    rows: int
    columns: int
    stride: int
    anchors: tuple[tuple[float, float], ...]
    classes: int = 1

    def __post_init__(self) -> None:
        for argument in ("rows", "columns", "stride", "classes"):
            arguments.integer("grid", argument, getattr(self, argument), 1)
        sizes = arguments.array("grid", "anchors", self.anchors, np.float64)
        accepted = np.isfinite(sizes) & (sizes > 0)
        if sizes.ndim != 2 or sizes.shape[1] != 2 or not accepted.all():
            raise ShapeError(
                f"grid: anchors must be pairs greater than 0 and finite, got {self.anchors}"
            )

    @property
    def channels(self) -> int:
        """Numbers of a cell: x, y, w, h, confidence and classes of each anchor."""
        return len(self.anchors) * (NUMBERS + self.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a network's output and of the labels, without the batch axis."""
        return self.rows, self.columns, self.channels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture, in pixels."""
        return self.rows * self.stride, self.columns * self.stride


class Detections(NamedTuple):
    """What was found in one picture, by falling score."""

    boxes: Boxes
    """(M, 4)"""
    scores: NDArray[np.float32]
    """(M,), 0 to 1"""
    classes: NDArray[np.intp]
    """(M,)"""


def shape_iou(sizes: NDArray[Any], anchors: NDArray[Any]) -> NDArray[Any]:
    """Of widths and heights (M, 2) with anchors (A, 2), as if they had one centre: (M, A)."""
    both = np.prod(np.minimum(sizes[:, None], anchors[None]), axis=-1)
    either = np.prod(sizes, axis=-1)[:, None] + np.prod(anchors, axis=-1)[None] - both
    return np.asarray(both / either)


def encode(boxes: ArrayLike, grid: Grid, classes: ArrayLike | None = None) -> NDArray[np.float32]:
    """The labels that `Graph.yolo_loss` wants for one picture.

    A box belongs to the cell that its centre is in, and there to the anchor most like it in shape
    that is still free; larger boxes choose first. Where a cell has more boxes than anchors, the
    smallest are left out, for nobody is there to learn them; so is a box without area.

    Args:
        boxes: (M, 4), with their centres in the picture.
        grid: Cells and anchors.
        classes: Of each box, 0 to grid.classes - 1, (M,). None: all 0.

    Returns:
        (rows, columns, A * (5 + classes)).

    Raises:
        ShapeError: If a box or class is not accepted.
    """
    corners = checked("encode", "boxes", boxes).astype(np.float64) / grid.stride
    kinds = _kinds(classes, corners, grid)
    labels = np.zeros((grid.rows, grid.columns, len(grid.anchors), NUMBERS + grid.classes))
    sizes, centres = corners[:, 2:] - corners[:, :2], (corners[:, 2:] + corners[:, :2]) / 2
    outside = ((centres < 0) | (centres > [grid.columns, grid.rows])).any(axis=1)
    if outside.any():
        box = (corners[int(outside.argmax())] * grid.stride).tolist()
        raise ShapeError(f"encode: boxes must have their centres in {grid.size}, got {box}")
    cells = np.minimum(centres.astype(int), [grid.columns - 1, grid.rows - 1])
    anchors = np.asarray(grid.anchors)
    for i in np.argsort(-np.prod(sizes, axis=1), kind="stable"):
        if not (sizes[i] > 0).all():
            continue
        column, row = cells[i]
        cell = labels[row, column]
        likeness = np.where(cell[:, 4] > 0, -1.0, shape_iou(sizes[i : i + 1], anchors)[0])
        best = int(likeness.argmax())
        if likeness[best] >= 0:
            cell[best, :2] = centres[i] - cells[i]
            cell[best, 2:4] = np.log(sizes[i] / anchors[best])
            cell[best, [4, NUMBERS + kinds[i]]] = 1
    return labels.reshape(grid.shape).astype(np.float32)


def decode(
    cells: NDArray[Any],
    grid: Grid,
    *,
    min_score: float = 0.01,
    max_iou: float = 0.45,
    most: int = 300,
) -> list[Detections]:
    """The boxes that a network's outputs stand for, without those that `nms` leaves out.

    The score of a class is the confidence times the softmax of the classes; each anchor of each
    cell votes for its best class only. Boxes are cut at the edges of the picture.

    Args:
        cells: (N, rows, columns, A * (5 + classes)), as `Graph.yolo_loss` reads them.
        grid: Cells and anchors.
        min_score: Of the boxes wanted. For the average precision it should be small, for eyes 0.3
            or so.
        max_iou: Of two boxes of a class: see `nms`.
        most: Boxes of a picture that `nms` looks at, those with the highest scores.

    Returns:
        What was found in each picture, N in all.

    Raises:
        ShapeError: If the shape is not the grid's, or a number is not accepted or is nan.
        TypeError: If something is no number.
    """
    array = arguments.array("decode", "cells", cells, np.float64)
    if array.ndim != 4 or array.shape[1:] != grid.shape:
        raise ShapeError(f"decode: cells must be (N, *{grid.shape}), got {array.shape}")
    lost = np.isnan(array).any(axis=(1, 2, 3))
    if lost.any():
        raise ShapeError(f"decode: cells must be numbers, got nan in picture {int(lost.argmax())}")
    least = arguments.real("decode", "min_score", min_score)
    arguments.integer("decode", "most", most, 1)
    boxes, scores = _boxes_and_scores(array, grid)
    found = []
    for corners, values in zip(boxes, scores, strict=True):
        kinds, best = values.argmax(axis=-1), values.max(axis=-1)
        rows = np.flatnonzero(best >= least)
        rows = rows[np.argsort(-best[rows], kind="stable")][:most]
        rows = rows[nms(corners[rows], best[rows], kinds[rows], max_iou=max_iou)]
        found.append(Detections(corners[rows], best[rows].astype(np.float32), kinds[rows]))
    return found


def _boxes_and_scores(
    cells: NDArray[np.float64], grid: Grid
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Corners (N, M, 4) in pixels and scores (N, M, classes) of every anchor of every cell."""
    anchors = np.asarray(grid.anchors)
    x = cells.reshape(len(cells), grid.rows, grid.columns, len(anchors), NUMBERS + grid.classes)
    corner = np.stack(np.meshgrid(np.arange(grid.columns), np.arange(grid.rows)), axis=-1)
    centre = (corner[:, :, None] + _sigmoid(x[..., :2])) * grid.stride
    half = np.exp(np.minimum(x[..., 2:4], LARGEST_LOG)) * anchors * grid.stride / 2
    edge = np.array(grid.size[::-1], np.float64)
    corners = [np.clip(side, 0, edge) for side in (centre - half, centre + half)]
    kinds = np.exp(x[..., NUMBERS:] - x[..., NUMBERS:].max(axis=-1, keepdims=True))
    scores = _sigmoid(x[..., 4:5]) * kinds / kinds.sum(axis=-1, keepdims=True)
    boxes = np.concatenate(corners, axis=-1).astype(np.float32)
    count = grid.rows * grid.columns * len(anchors)  # not -1, which is no number for no picture
    return boxes.reshape(len(x), count, 4), scores.reshape(len(x), count, grid.classes)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1 + np.tanh(x / 2)) / 2)  # which cannot overflow


def _kinds(classes: ArrayLike | None, boxes: NDArray[Any], grid: Grid) -> NDArray[np.intp]:
    if classes is None:
        return np.zeros(len(boxes), np.intp)
    kinds = np.asarray(classes)
    if kinds.shape != (len(boxes),) or (kinds.size and kinds.dtype.kind not in "iu"):
        raise ShapeError(
            f"encode: classes must be an integer for each of boxes {boxes.shape}, "
            f"got {kinds.dtype} {kinds.shape}"
        )
    if kinds.size and not 0 <= kinds.min() <= kinds.max() < grid.classes:
        raise ShapeError(
            f"encode: classes must be from 0 to {grid.classes - 1}, "
            f"got {kinds.min()} to {kinds.max()}"
        )
    return kinds.astype(np.intp)
