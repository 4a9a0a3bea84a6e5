"""Boxes: (M, 4) of xmin, ymin, xmax, ymax, in pixels from the picture's top left corner."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError

Boxes: TypeAlias = NDArray[np.float32]


def checked(op: str, argument: str, boxes: ArrayLike) -> Boxes:
    """`boxes` as float32 (M, 4); none may be an empty list.

    Raises:
        ShapeError: Naming op and argument, if they are no boxes.
        TypeError: Likewise, if they are no numbers.
    """
    array = arguments.array(op, argument, boxes, np.float32)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ShapeError(f"{op}: {argument} must be (M, 4), got {array.shape}")
    wrong = ~np.isfinite(array).all(axis=1) | (array[:, 2:] < array[:, :2]).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ShapeError(
            f"{op}: {argument} must be finite xmin, ymin, xmax, ymax in order, "
            f"got {array[row].tolist()} in row {row}"
        )
    return array


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Of each box, (M,), in square pixels."""
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union of every box of `a` with every box of `b`.

    Args:
        a: Boxes (M, 4).
        b: Boxes (L, 4).

    Returns:
        (M, L), 0 to 1; 0 where both boxes are empty.

    Raises:
        ShapeError: If one of them is no boxes.
    """
    return overlap(checked("iou", "a", a), checked("iou", "b", b))


def overlap(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """`iou` of boxes that were checked."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=-1)
    either = areas(a)[:, None] + areas(b)[None, :] - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0))


def nms(
    boxes: ArrayLike, scores: ArrayLike, classes: ArrayLike | None = None, *, max_iou: float = 0.45
) -> NDArray[np.intp]:
    """Non-maximum suppression: of boxes that overlap much, the one with the highest score.

    Goes through the boxes by falling score, and keeps each that overlaps none that it has kept of
    the same class by more than `max_iou`. Boxes of equal score keep their order.

    Args:
        boxes: (M, 4).
        scores: (M,), any finite numbers.
        classes: (M,). None: all of one class.
        max_iou: From 0, where no two may touch, to 1, where all stay.

    Returns:
        Rows of the boxes kept, by falling score.

    Raises:
        ShapeError: If the lengths differ, or a number is not accepted.
        TypeError: If something is no number.
    """
    corners = checked("nms", "boxes", boxes)
    limit = arguments.real("nms", "max_iou", max_iou)
    if not 0 <= limit <= 1:
        raise ShapeError(f"nms: max_iou must be from 0 to 1, got {max_iou}")
    values = _row("scores", scores, corners)
    kinds = np.zeros(len(corners)) if classes is None else _row("classes", classes, corners)
    kept: list[int] = []
    free = np.ones(len(corners), bool)
    for row in np.argsort(-values, kind="stable").tolist():
        if free[row]:
            kept.append(row)
            free &= (overlap(corners[[row]], corners)[0] <= limit) | (kinds != kinds[row])
    return np.array(kept, np.intp)


def _row(argument: str, values: ArrayLike, boxes: Boxes) -> NDArray[Any]:
    array = arguments.array("nms", argument, values, np.float64)
    if array.shape != (len(boxes),):
        raise ShapeError(
            f"nms: {argument} must be one for each of boxes {boxes.shape}, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ShapeError(f"nms: {argument} must be finite")
    return array
