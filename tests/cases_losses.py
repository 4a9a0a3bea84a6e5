"""Cases of the losses ops."""

from __future__ import annotations

import math
from typing import Any

from case import Case

from mpsnn import Graph, Value


def cross_entropy(g: Graph, x: Value, **options: Any) -> Value:
    return g.softmax_cross_entropy(x, g.label_inputs[0], **options)


def sum_of_losses(g: Graph, x: Value, z: Value) -> Value:
    return g.add(cross_entropy(g, x), cross_entropy(g, z, label_smoothing=0.2))


LOSSES = {
    "mean_absolute_error": Graph.mean_absolute_error,
    "mean_squared_error": Graph.mean_squared_error,
    "softmax_cross_entropy": Graph.softmax_cross_entropy,
    "sigmoid_cross_entropy": Graph.sigmoid_cross_entropy,
    "categorical_cross_entropy": Graph.categorical_cross_entropy,
    "hinge_loss": Graph.hinge_loss,
    "huber_loss": Graph.huber_loss,
    "cosine_distance": Graph.cosine_distance,
    "log_loss": Graph.log_loss,
    "kl_divergence": Graph.kl_divergence,
}
PROBABILITIES = ("categorical_cross_entropy", "log_loss")
MEANS = [kind for kind in LOSSES if kind != "cosine_distance"]  # which has only the sum
KINKS = ("mean_absolute_error", "hinge_loss", "huber_loss")


def weights_like(g: Graph, shape: tuple[int, ...] | None) -> Value | None:
    """Weights of that shape, which have no gradient: from the labels, or those of the labels."""
    if not shape:
        return None if shape is None else g.label_inputs[0].states["weights"]
    size = math.prod(shape)
    return g.reshape(g.concat([g.label_inputs[0]] * -(-size // 4))[:size], *shape)


def of(
    g: Graph, x: Value, z: Value, *, kind: str, weights: tuple[int, ...] | None, **options: Any
) -> Value:
    """The loss of x, with labels and weights that are values of their own.

    Labels of a softmax are in the range of every loss, and so is x where it must be.
    """
    x = g.softmax(x) if kind in PROBABILITIES else x
    labels = z if kind in KINKS or not z.shape else g.softmax(z)
    return LOSSES[kind](g, x, labels, weights_like(g, weights), **options)


def case(
    kind: str, shape: tuple[int, ...], weights: tuple[int, ...] | None = None, **options: Any
) -> Case:
    loss = options.get("reduction") != "none"
    options = {"kind": kind, "weights": weights, **options}
    return Case(kind, of, (shape, shape), kink=kind in KINKS, loss=loss, options=options)


def by_batch(kind: str) -> Any:
    def loss(g: Graph, x: Value, z: Value) -> Value:
        return g.mean_squared_error(
            x, z, reduction=kind.removeprefix("batch_"), reduce_across_batch=True
        )

    return loss


def batch_total(g: Graph, x: Value, weight: Value, kind: str) -> Value:
    """What all images have together is the bias of each."""
    reduce = {"batch_sum": g.batch_sum, "batch_mean": g.batch_mean}[kind]
    return g.dense(x, weight, reduce(x[:3]))


YOLO: dict[str, Any] = {"anchors": ((1.0, 1.5), (2.5, 0.75)), "rescore": False}


def yolo(g: Graph, x: Value, *, weights: tuple[int, ...] | None = None, **options: Any) -> Value:
    """Two anchors, the first with an object in every cell. Labels have no gradient."""
    rows, columns, channels = x.shape
    t = g.reshape(g.label_inputs[0], 1, 1, 4)
    classes = g.concat([t] * 4)[:, :, : channels // 2 - 5]
    pair = g.softmax(t[:, :, :2])
    anchors = [
        g.concat([t, confidence(pair, -1, keep_axes=True), g.softmax(classes)])
        for confidence in (g.reduce_max, g.reduce_min)
    ]
    labels = g.resize_nearest(g.concat(anchors), rows, columns)
    return g.yolo_loss(x, labels, weights_like(g, weights), **{**YOLO, **options})


def yolo_case(shape: tuple[int, ...], **options: Any) -> Case:
    loss = options.get("reduction") != "none"
    return Case("yolo_loss", yolo, (shape,), loss=loss, options=options)


CASES = [
    Case("softmax_cross_entropy", cross_entropy, ((4,),), loss=True),
    Case(
        "softmax_cross_entropy", cross_entropy, ((4,),), loss=True, options={"label_smoothing": 0.1}
    ),
    Case("softmax_cross_entropy", sum_of_losses, ((4,), (4,)), loss=True),
    *(case(kind, (5,)) for kind in MEANS),
    *(case(kind, (3, 2, 4), ()) for kind in MEANS),
    *(
        case(kind, (2, 3), (2, 3), reduction=reduction, weight=0.7)
        for kind in MEANS
        for reduction in ("none", "sum", "sum_by_nonzero_weights")
    ),
    *(case(kind, (1, 2) if kind in PROBABILITIES else (2, 1)) for kind in MEANS),
    case("cosine_distance", (5,)),
    case("cosine_distance", (2, 3), (2, 3), weight=0.7),
    case("cosine_distance", (4,), ()),
    case("softmax_cross_entropy", (3, 4), (3, 4), label_smoothing=0.2),
    case("sigmoid_cross_entropy", (3, 4), (3, 4), label_smoothing=0.2),
    case("huber_loss", (3, 4), delta=0.305),
    case("mean_squared_error", ()),
    yolo_case((3, 2, 16)),
    yolo_case((2, 2, 12), weights=(), reduction="mean", weight=0.3),
    yolo_case((1, 2, 14), weights=(1, 2, 14), reduction="none", min_iou=0.3, max_iou=0.1),
    yolo_case(
        (2, 1, 14),
        weights=(2, 1, 14),
        reduction="sum_by_nonzero_weights",
        xy="huber_loss",
        wh="mean_squared_error",
        confidence="mean_squared_error",
        classes="sigmoid_cross_entropy",
    ),
    *(
        Case(kind, by_batch(kind), ((2, 3), (2, 3)), loss=True)
        for kind in ("batch_sum", "batch_mean")
    ),
    *(
        Case(kind, batch_total, ((5,),), ((3, 5),), options={"kind": kind})
        for kind in ("batch_sum", "batch_mean")
    ),
]
