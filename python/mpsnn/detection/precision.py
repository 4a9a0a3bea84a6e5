"""How good a detector is: average precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.boxes import checked, overlap
from mpsnn.detection.grid import Detections


def average_precision(scores: ArrayLike, hits: ArrayLike, objects: int) -> float:
    """The area under the curve of precision over recall.

    Findings are taken by falling score. After each, recall is the share of the objects found so
    far, and precision the share of the findings that were right. The precision of a recall is the
    largest at that recall or beyond; the area is summed over every point where recall rises, as
    PASCAL VOC does since 2010 (development kit, section 3.4.1), not at 11 or 101 points.

    Args:
        scores: Of the findings in all pictures, (M,).
        hits: Whether each was right, (M,).
        objects: That could be found, at least 1.

    Returns:
        From 0 to 1.

    Raises:
        ShapeError: If the lengths differ, a score is NaN, or there are more hits than objects.
    """
    total = arguments.integer("average_precision", "objects", objects, 1)
    values, right = np.asarray(scores, np.float64), np.asarray(hits, bool)
    if values.ndim != 1 or values.shape != right.shape:
        raise ShapeError(
            f"average_precision: scores {values.shape} and hits {right.shape} must be (M,)"
        )
    if np.isnan(values).any():
        raise ShapeError(f"average_precision: scores must not be NaN, got {values}")
    if right.sum() > total:
        raise ShapeError(f"average_precision: {right.sum()} hits for {total} objects")
    right = right[np.argsort(-values, kind="stable")]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[right].sum() / total)


def mean_average_precision(
    found: Sequence[Detections],
    boxes: Sequence[ArrayLike],
    classes: Sequence[ArrayLike] | None = None,
    *,
    iou: float = 0.5,
) -> float:
    """The mean over the classes of their average precision, over all pictures together.

    A finding is right if, of the objects of its class in its picture, the one that it overlaps
    most does so with at least `iou`, and no finding with a higher score had that object: finding
    one twice is a mistake, as in PASCAL VOC (development kit, section 4.4).

    Args:
        found: In each picture.
        boxes: What there is in each, (M, 4).
        classes: Of them, (M,) each. None: all 0.
        iou: More than 0, at most 1.

    Returns:
        From 0 to 1, over the classes that have an object.

    Raises:
        ShapeError: If the lengths differ, a score is NaN, there is no object at all, or a number is
            not accepted.
        TypeError: If what was found in a picture is no `Detections`.
    """
    op = "mean_average_precision"
    if not 0 < arguments.real(op, "iou", iou) <= 1:
        raise ShapeError(f"{op}: iou must be more than 0 and at most 1, got {iou}")
    truth = [checked(op, "boxes", b) for b in boxes]
    kinds = [np.zeros(len(b), int) for b in truth] if classes is None else classes
    kinds = [np.asarray(k).reshape(-1) for k in kinds]
    if len(found) != len(truth) or [*map(len, truth)] != [*map(len, kinds)]:
        raise ShapeError(
            f"{op}: {len(found)} pictures were searched, there are boxes {[*map(len, truth)]} "
            f"and classes {[*map(len, kinds)]}"
        )
    for picture, some in enumerate(found):
        _check_found(picture, some)
    existing = np.unique(np.concatenate([*kinds, []]))
    if not len(existing):
        raise ShapeError(f"{op}: boxes must have at least one object, got none")
    precisions = []
    for kind in existing:
        there = [b[k == kind] for b, k in zip(truth, kinds, strict=True)]
        scores, hits = _of_class(found, there, kind, iou)
        precisions.append(average_precision(scores, hits, sum(map(len, there))))
    return float(np.mean(precisions))


def _check_found(picture: int, some: Detections) -> None:
    op = "mean_average_precision"
    if not isinstance(some, Detections):
        raise TypeError(f"{op}: found[{picture}] must be Detections, got {type(some).__name__}")
    lengths = [len(some.boxes), len(some.scores), len(some.classes)]
    if len({*lengths}) > 1:
        raise ShapeError(f"{op}: found[{picture}] has boxes, scores and classes {lengths}")
    if np.isnan(np.asarray(some.scores, np.float64)).any():
        raise ShapeError(f"{op}: found[{picture}] has a score that is NaN")


def _of_class(
    found: Sequence[Detections], truth: Sequence[NDArray[np.float32]], kind: float, iou: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and hits of the findings of one class in all pictures."""
    scores: list[float] = []
    hits: list[bool] = []
    for some, boxes in zip(found, truth, strict=True):
        chosen = np.asarray(some.classes) == kind
        values = np.asarray(some.scores, np.float64)[chosen]
        order = np.argsort(-values, kind="stable")
        overlaps = overlap(checked("mean_average_precision", "found", some.boxes)[chosen], boxes)
        taken = np.zeros(len(boxes), bool)
        for row in order:
            nearest = int(overlaps[row].argmax()) if len(boxes) else -1
            hit = nearest >= 0 and bool(overlaps[row, nearest] >= iou) and not taken[nearest]
            if hit:
                taken[nearest] = True
            scores.append(float(values[row]))
            hits.append(hit)
    return np.array(scores), np.array(hits, bool)
