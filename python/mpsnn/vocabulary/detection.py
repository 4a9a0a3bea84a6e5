"""Losses of object detection, as methods of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from mpsnn import arguments
from mpsnn._core import ops
from mpsnn.values import Value
from mpsnn.vocabulary.losses import REDUCTIONS, ElementLosses, Reduction

KINDS = (
    "mean_absolute_error",
    "mean_squared_error",
    "softmax_cross_entropy",
    "sigmoid_cross_entropy",
    "categorical_cross_entropy",
    "hinge_loss",
    "huber_loss",
    "log_loss",
    "kl_divergence",
)
"""Losses that a part of yolo_loss may be; only classes may be softmax_cross_entropy."""


class Losses(ElementLosses):
    """Every loss of a graph."""

    def yolo_loss(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        anchors: Sequence[tuple[float, float]],
        xy: str = "mean_squared_error",
        wh: str = "huber_loss",
        confidence: str = "sigmoid_cross_entropy",
        classes: str = "softmax_cross_entropy",
        scale_xy: float = 10.0,
        scale_wh: float = 10.0,
        scale_no_object: float = 5.0,
        scale_object: float = 100.0,
        scale_class: float = 2.0,
        min_iou: float = 0.7,
        max_iou: float = 0.3,
        rescore: bool = True,
        delta: float = 1.0,
        reduction: Reduction = "sum",
        weight: float = 1.0,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """The loss of YOLO v2 (https://arxiv.org/abs/1612.08242) over H x W cells.

        `x` and `labels` are (H, W, A * (5 + K)): for each anchor x, y (in the cell, 0 to 1; of
        `x` before a sigmoid), w, h (log(size / anchor)), confidence (of `labels` 1 where there
        is an object, else 0; of `x` a logit) and K classes.

        Args:
            x: The prediction.
            labels: The truth. It has no gradient.
            weights: As of every loss: see `ElementLosses`.
            anchors: Width and height of each, in cells.
            xy: Kind of the loss of the sigmoid of x and y.
            wh: Kind of the loss of w and h.
            confidence: Kind of the loss of the confidence.
            classes: Kind of the loss of the classes.
            scale_xy: Multiplies the losses of x and y where there is an object.
            scale_wh: Multiplies those of w and h where there is an object.
            scale_no_object: Multiplies that of the confidence where there is none.
            scale_object: Multiplies that of the confidence where there is one.
            scale_class: Multiplies those of the classes where there is an object.
            min_iou: A prediction without a label that overlaps a labelled box of its image by
                more than this has the confidence of an object to learn,
            max_iou: and one that overlaps each by less has 0 to learn; between, nothing.
            rescore: Whether the confidence of an object is the overlap of prediction and label
                (a constant in the gradient), instead of 1.
            delta: Of huber_loss.
            reduction: As of every loss; the mean is over H * W * A * (5 + K) elements.
            weight: Multiplies the loss.
            reduce_across_batch: As of every loss.
            name: Of the node.

        Raises:
            ShapeError: If the shapes differ, or a number is not accepted.
        """
        kind = "yolo_loss"
        arguments.choice(kind, "reduction", reduction, REDUCTIONS)
        parts = {"xy": xy, "wh": wh, "confidence": confidence, "classes": classes}
        for argument, part in parts.items():
            arguments.choice(kind, argument, part, KINDS)
        if reduce_across_batch:
            self._check_across_batch(kind, reduction)
        if not isinstance(anchors, Sequence) or any(
            not isinstance(a, Sequence) or len(a) != 2 for a in anchors
        ):
            raise TypeError(f"{kind}: anchors must be pairs (width, height), got {anchors!r}")
        boxes = [[arguments.positive(kind, "anchors", s) for s in anchor] for anchor in anchors]
        scales = {
            "scale_xy": scale_xy,
            "scale_wh": scale_wh,
            "scale_no_object": scale_no_object,
            "scale_object": scale_object,
            "scale_class": scale_class,
        }
        op = ops.YoloLoss(
            boxes,
            list(parts.values()),
            [arguments.real(kind, argument, value) for argument, value in scales.items()],
            [arguments.real(kind, "min_iou", min_iou), arguments.real(kind, "max_iou", max_iou)],
            bool(rescore),
            reduction,
            arguments.real(kind, "weight", weight),
            arguments.positive(kind, "delta", delta),
        )
        loss = self._append(kind, op, self._loss_inputs(kind, (x, labels, weights)), name)
        return self._across_batch(loss, reduction) if reduce_across_batch else loss
