"""What the losses and labels refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, ShapeError

ERRORS: list[tuple[Any, str]] = [
    (lambda g: g.mean_squared_error(g.input(3), g.labels(4)), "labels must be (3,) as x, got (4,)"),
    (
        lambda g: g.mean_squared_error(g.input(3), g.labels(3), g.input(2)),
        "weights must be one number () per image, or (3,) as x, got (2,)",
    ),
    (
        lambda g: g.hinge_loss(g.input(3), g.labels(3), reduction="max"),
        "hinge_loss: reduction must be 'none', 'sum', 'mean' or",
    ),
    (
        lambda g: g.hinge_loss(g.input(3), g.labels(3), reduction="none", reduce_across_batch=True),
        "hinge_loss: reduce_across_batch needs reduction 'sum' or 'mean', got 'none'",
    ),
    (lambda g: g.huber_loss(g.input(3), g.labels(3), delta=0), "delta must be greater than 0"),
    (
        lambda g: g.sigmoid_cross_entropy(g.input(3), g.labels(3), label_smoothing=1),
        "label_smoothing must be at least 0 and less than 1",
    ),
    (lambda g: g.log_loss(g.input(3), g.labels(3), weight=float("nan")), "weight must be finite"),
    (lambda g: g.softmax_cross_entropy(g.input(), g.labels()), "x must have an axis of classes"),
    (lambda g: g.batch_mean(g.parameter(3)), "batch_mean: x (3,) must have a batch axis"),
    (
        lambda g: g.yolo_loss(g.input(2, 2, 12), g.labels(2, 2, 12), anchors=[(1, 1)] * 5),
        "x must be (H, W, A * (5 + classes)) with A = 5 anchors, got (2, 2, 12)",
    ),
    (
        lambda g: g.yolo_loss(g.input(2, 2, 7), g.labels(2, 2, 7), anchors=[(1, 0)]),
        "anchors must be greater than 0",
    ),
    (
        lambda g: g.yolo_loss(g.input(2, 2, 7), g.labels(2, 2, 7), anchors=[(1, 1)], min_iou=0.1),
        "max_iou and min_iou must be 0 <= max_iou <= min_iou <= 1, got 0.3 and 0.1",
    ),
    (
        lambda g: g.yolo_loss(g.input(2, 2, 7), g.labels(2, 2, 7), anchors=[(1, 1)], xy="l1"),
        "yolo_loss: xy must be 'mean_absolute_error', ",
    ),
    (lambda g: g.labels(3, weights="pixel"), "weights must be 'image' or 'element', got 'pixel'"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_name_the_argument_and_leave_the_graph_alone(build: Any, message: str) -> None:
    g = Graph()
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(g)
    assert not any(word in str(g) for word in ("loss", "error", "entropy", "batch_"))


def test_labels_must_be_a_value() -> None:
    g = Graph()
    with pytest.raises(TypeError, match="mean_squared_error: labels must be a Value, got ndarray"):
        g.mean_squared_error(g.input(3), np.zeros(3))  # type: ignore[arg-type]
