"""Boxes: overlap, suppression, anchors, and between them and the cells of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import ShapeError, data, detection
from mpsnn.detection import Detections, Grid

GRID = Grid(4, 5, 16, ((1.0, 1.5), (2.5, 0.75), (2.0, 2.0)), classes=3)


def some_boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """In the picture of GRID, no two with their centres in one cell."""
    cells = rng.choice(20, count, replace=False)
    corner = np.stack([cells % 5, cells // 5], axis=1) * 16.0
    centres = corner + rng.uniform(0.5, 15.5, (count, 2))
    most = np.minimum(centres, [80, 64] - centres)
    half = np.minimum(rng.uniform(3, 20, (count, 2)), most)
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def outputs_of(labels: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """What a perfect network makes: `decode` of it gives the labelled boxes."""
    x = labels.astype(np.float64).reshape(grid.rows, grid.columns, len(grid.anchors), -1).copy()
    x[..., :2] = np.log(x[..., :2] / (1 - x[..., :2] + 1e-9) + 1e-9)
    x[..., 4:] = 40 * x[..., 4:] - 20
    return x.reshape(grid.shape)


def test_overlap_is_that_of_areas_counted_by_hand() -> None:
    a = [[0, 0, 4, 2], [1, 1, 1, 1]]
    b = [[2, 0, 6, 2], [4, 0, 8, 2], [0, 0, 4, 2], [1, 1, 1, 1]]
    found = detection.iou(a, b)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[4 / 12, 0, 1, 0], [0, 0, 0, 0]])
    assert detection.iou([], b).shape == (0, 4)


def test_overlap_counts_the_same_pixels_as_painting(rng: np.random.Generator) -> None:
    boxes = np.sort(rng.integers(0, 30, (20, 2, 2)), axis=1).reshape(-1, 4)
    painted = np.zeros((20, 30, 30), bool)
    for canvas, (xmin, ymin, xmax, ymax) in zip(painted, boxes, strict=True):
        canvas[ymin:ymax, xmin:xmax] = True
    both = (painted[:, None] & painted[None]).sum((2, 3))
    either = (painted[:, None] | painted[None]).sum((2, 3))
    np.testing.assert_allclose(detection.iou(boxes, boxes), both / np.maximum(either, 1), rtol=1e-6)


def test_suppression_keeps_the_best_of_boxes_that_overlap() -> None:
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [0, 6, 10, 16], [50, 50, 60, 60]]
    scores = [0.6, 0.9, 0.8, 0.1]
    # The second overlaps the first by 9 / 11, the third by 36 / 164; the third the first by 1 / 4.
    assert detection.nms(boxes, scores, max_iou=0.45).tolist() == [1, 2, 3]
    assert detection.nms(boxes, scores, max_iou=0.2).tolist() == [1, 3]
    assert detection.nms(boxes, scores, max_iou=1.0).tolist() == [1, 2, 0, 3]
    assert detection.nms(boxes, scores, [0, 1, 0, 0], max_iou=0.2).tolist() == [1, 2, 3]
    assert detection.nms([], []).tolist() == []


def test_a_box_that_is_suppressed_suppresses_nothing() -> None:
    chain = [[0, 0, 10, 10], [0, 4, 10, 14], [0, 8, 10, 18]]  # neighbours overlap by 6 / 14
    assert detection.nms(chain, [3, 2, 1], max_iou=0.4).tolist() == [0, 2]


def test_decoding_gives_back_what_was_encoded(rng: np.random.Generator) -> None:
    boxes, classes = some_boxes(rng, 9), rng.integers(0, 3, 9)
    labels = detection.encode(boxes, GRID, classes)
    assert labels.shape == GRID.shape
    assert labels.dtype == np.float32
    (found,) = detection.decode(outputs_of(labels, GRID)[None], GRID, max_iou=1.0, min_score=0.5)
    assert len(found.boxes) == 9
    assert found.scores.min() > 0.99
    nearest = detection.iou(boxes, found.boxes).argmax(axis=1)
    # A pixel of rounding in float32 labels would be 1e-5 of this picture.
    np.testing.assert_allclose(found.boxes[nearest], boxes, atol=1e-3)
    assert found.classes[nearest].tolist() == classes.tolist()


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_the_loss_of_a_perfect_output_is_almost_nothing(
    backend: str, rng: np.random.Generator
) -> None:
    boxes = some_boxes(rng, 6)
    labels = detection.encode(boxes, GRID, rng.integers(0, 3, 6))[None]
    graph = mpsnn.Graph()
    x, truth = graph.input(*GRID.shape), graph.labels(*GRID.shape)
    scale = graph.parameters(mpsnn.InitializerSource(s=mpsnn.Constant(1.0)), {"s": (1,)}, name="s")
    cells = graph.multiply(x, scale["s"])
    # With min_iou 1 no other prediction is asked for an object that it overlaps by chance.
    loss = graph.yolo_loss(cells, truth, anchors=GRID.anchors, min_iou=1.0)
    with mpsnn.Trainer(loss, cells, backend=backend, batch=1) as trainer:
        perfect = outputs_of(labels[0], GRID)[None].astype(np.float32)
        moved = np.roll(perfect, 1, axis=1)  # every box one row too low
        assert trainer.evaluate(perfect, labels).loss < 0.01
        assert trainer.evaluate(moved, labels).loss > 1000


def test_a_box_takes_the_anchor_like_it_and_a_crowd_the_free_ones() -> None:
    square, flat = [16, 16, 48, 48], [12, 26, 52, 38]  # 2 x 2 and 2.5 x 0.75 cells, one centre
    labels = detection.encode([flat, square], GRID).reshape(4, 5, 3, 8)
    assert labels[2, 2, :, 4].tolist() == [0, 1, 1]
    np.testing.assert_allclose(labels[2, 2, 1:, 2:4], 0, atol=1e-6)
    crowd = detection.encode([square] * 5, GRID).reshape(4, 5, 3, 8)
    assert crowd[..., 4].sum() == 3, "a cell has three anchors"
    assert detection.encode([[5, 5, 5, 9]], GRID).sum() == 0, "nothing to see"


def test_boxes_found_are_cut_at_the_edges_and_limited_in_number() -> None:
    cells = np.zeros((2, *GRID.shape))
    cells.reshape(2, 4, 5, 3, 8)[:, 0, 0, 2, 2:5] = [1, 1, 9]
    found = detection.decode(cells, GRID, max_iou=1.0, min_score=0.1, most=7)
    assert [len(f.boxes) for f in found] == [7, 7]
    assert found[0].boxes[0].tolist()[:2] == [0, 0]
    assert found[0].boxes.max() <= 80
    huge = np.full((1, *GRID.shape), 1e30)
    assert np.isfinite(detection.decode(huge, GRID)[0].boxes).all()


def test_no_pictures_have_nothing_found_in_them() -> None:
    assert detection.decode(np.zeros((0, *GRID.shape), np.float32), GRID) == []


def test_anchors_are_the_sizes_that_the_boxes_have() -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat([[16, 16], [16, 64], [80, 80]], 40, axis=0) + rng.uniform(-1, 1, (120, 2))
    boxes = np.concatenate([np.zeros((120, 2)), sizes], axis=1)[rng.permutation(120)]
    found = detection.anchors([boxes[:50], boxes[50:]], 3, stride=16)
    np.testing.assert_allclose(found, [[1, 1], [1, 4], [5, 5]], atol=0.05)
    assert found == detection.anchors([boxes[:50], boxes[50:]], 3, stride=16)


def test_anchors_of_the_trees_overlap_them_more_than_one_size_does() -> None:
    boxes = data.trees().train_boxes
    sizes = np.concatenate([b[:, 2:] - b[:, :2] for b in boxes]) / 16

    def mean_overlap(anchors: Any) -> float:
        pairs = [np.concatenate([np.zeros((len(a), 2)), a], axis=1) for a in (sizes, anchors)]
        return float(detection.iou(*pairs).max(axis=1).mean())

    one, five = (mean_overlap(detection.anchors(boxes, n, stride=16)) for n in (1, 5))
    assert one < 0.55
    assert five > 0.7, "YOLO v2 reports 0.61 for its five anchors of VOC"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detection.iou([[0, 0, 1]], []), "iou: a must be (M, 4), got (1, 3)"),
        (lambda: detection.iou([], [[3, 0, 1, 1]]), "b must be finite xmin, ymin, xmax, ymax"),
        (lambda: detection.nms([[0, 0, 1, 1]], [1, 2]), "scores must be one for each of boxes"),
        (lambda: detection.nms([[0, 0, 1, 1]], [np.nan]), "nms: scores must be finite"),
        (lambda: detection.nms([], [], max_iou=2), "max_iou must be from 0 to 1, got 2"),
        (lambda: detection.encode([[70, 0, 95, 5]], GRID), "centres in (64, 80), got [70.0"),
        (lambda: detection.encode([[0, 0, 9, 9]], GRID, [3]), "from 0 to 2, got 3 to 3"),
        (lambda: detection.encode([[0, 0, 9, 9]], GRID, [0.5]), "an integer for each of boxes"),
        (lambda: detection.decode(np.zeros((4, 5, 24)), GRID), "must be (N, *(4, 5, 24))"),
        (lambda: Grid(0, 5, 16, ((1, 1),)), "grid: rows must be from 1"),
        (lambda: Grid(4, 5, 16, ((1, -1),)), "anchors must be pairs greater than 0"),
        (lambda: detection.anchors([], stride=16), "5 need as many different sizes, got 0"),
    ],
)
def test_an_error_names_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)


def test_average_precision_is_the_area_counted_by_hand() -> None:
    # Right, wrong, right, wrong, right of 4 objects: recall 1/4, 2/4, 3/4 at precision 1, 2/3, 3/5.
    hits = [True, False, True, False, True]
    area = (1 + 2 / 3 + 3 / 5) / 4
    assert detection.average_precision([9, 8, 7, 6, 5], hits, 4) == pytest.approx(area)
    shuffled = [2, 0, 4, 1, 3]
    scores = np.array([9, 8, 7, 6, 5])[shuffled]
    assert detection.average_precision(scores, np.array(hits)[shuffled], 4) == pytest.approx(area)
    # Wrong, right: precision 1/2 holds for every recall up to 1. A dip is filled from the right.
    assert detection.average_precision([2, 1], [False, True], 1) == 0.5
    dip = [True, False, True, True]  # 1, 1/2, 2/3, 3/4: at recall 2/3 the best beyond is 3/4
    assert detection.average_precision([4, 3, 2, 1], dip, 3) == pytest.approx((1 + 3 / 4 * 2) / 3)
    assert detection.average_precision([], [], 3) == 0
    assert detection.average_precision([1, 2], [True, True], 2) == 1


def found(*rows: tuple[list[float], float], kind: int = 0) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.float32),
        np.full(len(rows), kind),
    )


def test_finding_an_object_twice_or_in_another_picture_is_a_mistake() -> None:
    box, near, far = [0.0, 0, 10, 10], [0.0, 0, 10, 8], [0.0, 0, 10, 4]
    mean = detection.mean_average_precision
    assert mean([found((box, 0.9))], [[box]]) == 1
    assert mean([found((near, 0.9))], [[box]], iou=0.8) == 1, "exactly the limit"
    assert mean([found((far, 0.9))], [[box]]) == 0
    # Twice: the second is wrong, and with a lower score costs nothing.
    assert mean([found((near, 0.9), (box, 0.8))], [[box]]) == 1
    # Before another object is found it does: precision 1 at recall 1/2, then 2/3.
    twice = [found((near, 0.9), (box, 0.8)), found((box, 0.7))]
    assert mean(twice, [[box], [box]]) == pytest.approx((1 + 2 / 3) / 2)
    assert mean([found((box, 0.9)), found()], [[], [box]]) == 0


def test_the_mean_is_over_the_classes_that_exist() -> None:
    box = [0.0, 0, 10, 10]
    both = Detections(
        *map(np.concatenate, zip(found((box, 0.5)), found((box, 0.4), kind=2), strict=True))
    )
    mean = detection.mean_average_precision
    assert mean([both], [[box, box]], [[0, 2]]) == 1
    assert mean([both], [[box, box]], [[0, 1]]) == 0.5
    assert mean([both], [[box]], [[2]]) == 1, "class 0 has no object, its finding no say"


def test_a_mistake_in_the_measure_is_named() -> None:
    with pytest.raises(ShapeError, match="2 hits for 1 objects"):
        detection.average_precision([1, 2], [True, True], 1)
    with pytest.raises(ShapeError, match=r"scores \(2,\) and hits \(1,\)"):
        detection.average_precision([1, 2], [True], 1)
    with pytest.raises(ShapeError, match="1 pictures were searched, there are boxes"):
        detection.mean_average_precision([found()], [])
    with pytest.raises(ShapeError, match="at least one object"):
        detection.mean_average_precision([found()], [[]])
    with pytest.raises(ShapeError, match="scores must not be NaN"):
        detection.average_precision([np.nan, 0.1], [False, True], 1)
    box = [[0, 0, 1, 1]]
    lost = detection.Detections(np.array(box, np.float32), np.array([np.nan]), np.array([0]))
    with pytest.raises(ShapeError, match=r"found\[0\] has a score that is NaN"):
        detection.mean_average_precision([lost], [box])
    with pytest.raises(ShapeError, match=r"found\[0\] has boxes, .* \[1, 2, 1\]"):
        detection.mean_average_precision([lost._replace(scores=np.zeros(2, np.float32))], [box])
    with pytest.raises(TypeError, match=r"found\[0\] must be Detections, got tuple"):
        detection.mean_average_precision([(box, [1], [0])], [box])  # type: ignore[list-item]
    with pytest.raises(ShapeError, match="iou must be more than 0"):
        detection.mean_average_precision([found()], [[[0, 0, 1, 1]]], iou=0)
