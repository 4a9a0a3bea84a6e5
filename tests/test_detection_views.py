"""Other views of a picture keep the boxes on what they were around: it is painted, and looked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import ShapeError, data, detection
from mpsnn.detection import Augmentation, Grid, Views

SIZE = 96
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]], np.uint8)
BOXES = np.array(
    [[4, 6, 24, 40], [50, 8, 90, 30], [40, 44, 64, 70], [6, 60, 30, 90], [70, 66, 94, 88]],
    np.float32,
)


def painted() -> NDArray[np.uint8]:
    """A grey picture on which every box has a colour of its own."""
    image = np.full((SIZE, SIZE, 3), 128, np.uint8)
    for (xmin, ymin, xmax, ymax), colour in zip(BOXES.astype(int), COLOURS, strict=True):
        image[ymin:ymax, xmin:xmax] = colour
    return image


def seen(image: NDArray[np.uint8], least: int = 1) -> NDArray[np.float32]:
    """Boxes around the pixels of each colour that is there."""
    found = []
    for colour in COLOURS:
        apart = np.abs(image.astype(int) - colour).max(axis=-1) < 100  # half way to grey and more
        if apart.sum() >= least:
            rows, columns = np.flatnonzero(apart.any(axis=1)), np.flatnonzero(apart.any(axis=0))
            found.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return np.array(found, np.float32).reshape(-1, 4)


def sorted_rows(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return boxes[np.lexsort(np.rint(boxes).T[::-1])]


def test_mirrored_and_turned_boxes_are_where_their_pixels_are() -> None:
    for turns in range(-1, 5):
        for mirrored in (False, True):
            image, boxes = detection.quarter_turns(painted(), BOXES, turns)
            if mirrored:
                image, boxes = detection.mirror(image, boxes)
            np.testing.assert_array_equal(sorted_rows(boxes), sorted_rows(seen(image)))


def test_an_oblong_picture_turns_with_its_boxes() -> None:
    image, boxes = detection.quarter_turns(painted()[:70], BOXES[:3], 1)
    assert image.shape == (96, 70, 3)
    np.testing.assert_array_equal(boxes, [[6, 72, 40, 92], [8, 6, 30, 46], [44, 32, 70, 56]])


@pytest.mark.parametrize("window", [(0, 0, 96, 96), (10, 4, 82, 76), (-30, -10, 100, 120)])
def test_cropped_boxes_are_where_their_pixels_are(window: tuple[float, ...]) -> None:
    image, boxes = detection.crop(painted(), BOXES, window, min_visible=0.0)
    # The border of a resampled box is in one pixel or the next.
    np.testing.assert_allclose(sorted_rows(boxes), sorted_rows(seen(image)), atol=1.01)


def test_the_whole_window_leaves_a_picture_as_it_is() -> None:
    image, boxes = detection.crop(painted(), BOXES, (0, 0, SIZE, SIZE))
    np.testing.assert_array_equal(image, painted())
    np.testing.assert_array_equal(boxes, BOXES)


def test_a_window_of_whole_pixels_enlarges_each_and_has_the_mean_colour_around() -> None:
    image, _ = detection.crop(painted(), [], (0, 0, 48, 48))
    np.testing.assert_array_equal(image[1::2, 1::2][:-1, :-1].shape, (47, 47, 3))
    beyond, _ = detection.crop(painted(), [], (SIZE + 8, 0, 2 * SIZE + 8, SIZE))
    mean = painted().mean(axis=(0, 1))
    np.testing.assert_allclose(beyond, np.broadcast_to(mean, beyond.shape), atol=0.51)


def test_a_box_that_is_mostly_outside_is_dropped() -> None:
    window = (14, 0, 110, 96)  # half of the first box, which is 20 wide
    assert len(detection.crop(painted(), BOXES[:1], window, min_visible=0.49)[1]) == 1
    assert len(detection.crop(painted(), BOXES[:1], window, min_visible=0.51)[1]) == 0


def test_random_views_keep_every_box_on_its_pixels() -> None:
    augmentation = dataclasses.replace(Augmentation(), contrast=0, colour=0, brightness=0, tint=0)
    kept = 0
    for i in range(40):
        image, boxes = augmentation(painted(), BOXES, np.random.default_rng(i))
        assert image.shape == (SIZE, SIZE, 3)
        overlaps = detection.iou(boxes, seen(image))
        assert (overlaps.max(axis=1) > 0.85).all(), "a pixel of each side of a small box is 10 %"
        kept += len(boxes)
    assert kept > 40 * 3, "most are in most views"


def test_light_changes_pixels_by_gain_and_offset() -> None:
    image = np.array([[[0, 128, 255]]], np.uint8)
    assert detection.relight(image, 1.0, 0.0).tolist() == image.tolist()
    assert detection.relight(image, 0.5, 10.0).tolist() == [[[74, 138, 202]]]
    assert detection.relight(image, [2.0, 1.0, 1.0], 3.0).tolist() == [[[0, 131, 255]]]
    assert detection.relight(image, 1.0, [1.0, 2.0, -3.0]).tolist() == [[[1, 130, 252]]]


def test_views_depend_on_seed_and_epoch_alone_and_start_anywhere() -> None:
    grid = Grid(6, 6, 16, ((1.0, 1.0), (2.0, 2.0)))
    images, boxes = np.stack([painted()] * 5), [BOXES] * 5
    views = Views(images, boxes, grid, 2, seed=3)
    assert len(views) == 3
    once = list(views.batches(7))
    assert [len(x) for x, _ in once] == [2, 2, 1]
    again = list(Views(images, boxes, grid, 2, seed=3).batches(7, first=1))
    for (x, t), (y, u) in zip(once[1:], again, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(t, u)
    other = next(views.batches(8))
    assert not np.array_equal(once[0][0], other[0])
    as_they_are = Views(images, boxes, grid, 5, augmentation=None)
    x, t = next(as_they_are.batches(0))
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(t, np.stack([detection.encode(BOXES, grid)] * 5))


def test_an_error_names_what_is_wrong() -> None:
    grid = Grid(6, 6, 16, ((1.0, 1.0),))
    with pytest.raises(ShapeError, match=r"images must be \(N, 96, 96, C\)"):
        Views(np.zeros((2, 80, 96, 3), np.uint8), [[], []], grid, 2)
    with pytest.raises(ShapeError, match="images must be uint8, got float32"):
        Views(np.zeros((2, 96, 96, 3), np.float32), [[], []], grid, 2)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="window must not be empty"):
        detection.crop(painted(), [], (3, 3, 3, 9))
    with pytest.raises(ShapeError, match=r"image must be \(H, H, C\), got \(90, 96, 3\)"):
        Augmentation()(painted()[:90], [], np.random.default_rng(0))
    with pytest.raises(ShapeError, match="zoom must be"):
        Augmentation(zoom=(2.0, 1.0))
    with pytest.raises(ShapeError, match="stride of 16, got 8"):
        detection.detector(mpsnn.Graph(), Grid(6, 6, 8, ((1.0, 1.0),)))


def test_the_trees_are_boxes_in_tiles_of_two_places() -> None:
    trees = data.trees()
    assert trees.train_tiles.shape == (97, 208, 208, 3)
    assert trees.test_tiles.shape == (24, 208, 208, 3)
    assert trees.train_tiles.dtype == trees.test_tiles.dtype == np.uint8
    for boxes, count in ((trees.train_boxes, 527), (trees.test_boxes, 229)):
        every = np.concatenate(boxes)
        assert every.shape == (count, 4)
        assert every.dtype == np.float32
        assert 0 <= every.min() < every.max() <= 208
        assert (every[:, 2:] - every[:, :2]).min() >= 5
    known = {tile.tobytes() for tile in trees.train_tiles}
    assert not any(tile.tobytes() in known for tile in trees.test_tiles)
