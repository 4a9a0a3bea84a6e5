"""The loss of YOLO against one written in numpy, box by box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, _core

ANCHORS = ((1.0, 1.5), (2.5, 0.75))
H, W, A, K = 3, 4, 2, 3
Floats = NDArray[np.float64]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def corners(box: Floats) -> tuple[Floats, Floats]:
    return box[:2] - box[2:] / 2, box[:2] + box[2:] / 2


def iou(a: Floats, b: Floats) -> float:
    (a_low, a_high), (b_low, b_high) = corners(a), corners(b)
    both = np.prod(np.maximum(np.minimum(a_high, b_high) - np.maximum(a_low, b_low), 0))
    return float(both / (np.prod(a[2:]) + np.prod(b[2:]) - both))


def box(row: int, column: int, anchor: int, centre: Floats, sides: Floats) -> Floats:
    size = np.array(ANCHORS[anchor]) * np.exp(sides)
    return np.concatenate([np.array([column, row]) + centre, size])


def cross_entropy(logit: float, target: float) -> float:
    p = sigmoid(logit)
    return -target * np.log(p) - (1 - target) * np.log(1 - p)


def by_hand(x: Floats, t: Floats, rescore: bool, min_iou: float, max_iou: float) -> float:
    """The sum over one image, with the scales that are the default."""
    x, t = x.reshape(H, W, A, 5 + K), t.reshape(H, W, A, 5 + K)
    places = list(np.ndindex(H, W, A))
    truth = [box(*p, t[p][:2], t[p][2:4]) for p in places if t[p][4] >= 0.5]
    loss = 0.0
    for p in places:
        mine = box(*p, sigmoid(x[p][:2]), x[p][2:4])
        best = max((iou(mine, other) for other in truth), default=0.0)
        if t[p][4] >= 0.5:
            target = iou(mine, box(*p, t[p][:2], t[p][2:4])) if rescore else 1.0
            loss += 10 * ((sigmoid(x[p][:2]) - t[p][:2]) ** 2).sum()
            d = abs(x[p][2:4] - t[p][2:4])
            loss += 10 * np.where(d <= 1, d**2 / 2, d - 0.5).sum()
            loss += 100 * cross_entropy(x[p][4], target)
            log_p = x[p][5:] - np.log(np.exp(x[p][5:]).sum())
            loss -= 2 * (t[p][5:] * log_p).sum()
        elif best > min_iou:
            loss += 100 * cross_entropy(x[p][4], best if rescore else 1.0)
        elif best < max_iou:
            loss += 5 * cross_entropy(x[p][4], 0.0)
    return loss


def truth(rng: np.random.Generator, objects: int) -> Floats:
    t = np.zeros((H * W * A, 5 + K))
    for i in rng.choice(len(t), objects, replace=False):
        t[i, :2], t[i, 2:4], t[i, 4] = rng.uniform(0, 1, 2), rng.normal(0, 0.5, 2), 1
        t[i, 5 + rng.integers(K)] = 1
    return t.reshape(H, W, A * (5 + K)).astype(np.float32).astype(np.float64)


def run(backend: str, x: Floats, t: Floats, **options: Any) -> list[NDArray[Any]]:
    g = Graph()
    image, labels = g.input(*x.shape[1:]), g.labels(*t.shape[1:])
    loss = g.yolo_loss(image, labels, anchors=ANCHORS, **options)
    (dx,) = _core.add_gradients(g.core, loss.id, [image.id])
    exe = _core.compile(g.core, batch=len(x), outputs=[loss.id, dx], backend=backend)
    data = x.astype(np.float64 if backend == "reference" else np.float32)
    return exe.run(len(x), [(image.id, data), (labels.id, t.astype(np.float32))], [loss.id, dx])


@pytest.mark.parametrize("backend", mpsnn.backend_names())
@pytest.mark.parametrize("rescore", [True, False])
@pytest.mark.parametrize("iou_range", [(0.7, 0.3), (0.2, 0.1)])
def test_matching_is_as_documented(
    backend: str, rescore: bool, iou_range: tuple[float, float], rng
) -> None:
    low, high = iou_range
    x = rng.standard_normal((3, H, W, A * (5 + K))).astype(np.float32).astype(np.float64)
    t = np.stack([truth(rng, objects) for objects in (4, 1, 0)])
    loss, _ = run(backend, x, t, rescore=rescore, min_iou=low, max_iou=high)
    expected = [by_hand(a, b, rescore, low, high) for a, b in zip(x, t, strict=True)]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_the_overlap_is_a_constant_in_the_gradient(backend: str, rng) -> None:
    x = rng.standard_normal((1, H, W, A * (5 + K))).astype(np.float32).astype(np.float64)
    t = truth(rng, 5)[None]
    _, with_overlap = run(backend, x, t, rescore=True)
    _, with_one = run(backend, x, t, rescore=False)
    with_overlap, with_one = (g.reshape(-1, 5 + K) for g in (with_overlap, with_one))
    others = [i for i in range(5 + K) if i != 4]
    np.testing.assert_array_equal(with_overlap[:, others], with_one[:, others])
    there = t.reshape(-1, 5 + K)[:, 4] == 1
    overlap = (with_one - with_overlap)[there, 4] / 100 + 1
    assert ((overlap >= 0) & (overlap < 1)).all()
    assert overlap.any()
    logit = x.reshape(-1, 5 + K)[there, 4]
    np.testing.assert_allclose(with_one[there, 4], 100 * (sigmoid(logit) - 1), rtol=1e-5)
