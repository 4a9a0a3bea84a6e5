"""The parts of `mpsnn.detection` together: a detector learns pictures by heart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import data, detection

SIDE = 96


def inside(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Those that are mostly in the upper left corner, cut at its edges."""
    cut = np.clip(boxes, 0, SIDE)
    whole, left = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, cut))
    return cut[left > 0.5 * whole]


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="takes minutes on the reference")
def test_a_detector_finds_every_tree_of_a_few_pictures_and_nothing_else() -> None:
    trees = data.trees()
    tiles, boxes = [], []
    for i in (6, 7, 22, 52):
        tiles.append(trees.train_tiles[i, :SIDE, :SIDE])
        boxes.append(inside(trees.train_boxes[i]))
    pictures = np.stack(tiles)
    grid = detection.Grid(6, 6, 16, detection.anchors(boxes, 2, stride=16))
    net = detection.detector(mpsnn.Graph(seed=0), grid, (16, 32, 64, 128, 128))
    views = detection.Views(pictures, boxes, grid, batch=4, augmentation=None)
    with mpsnn.Trainer(net.loss, net.cells, optimizer=mpsnn.Adam(2e-3), batch=4) as trainer:
        for epoch in range(100):
            for images, labels in views.batches(epoch):
                trainer.train_step(images, labels)
        found = detection.decode(trainer.infer(pictures), grid)
    assert detection.mean_average_precision(found, boxes) > 0.95
    sure = [int((some.scores > 0.5).sum()) for some in found]
    assert sure == [len(some) for some in boxes], "no box beside a tree is as sure as that of it"
