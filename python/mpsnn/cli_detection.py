"""`mpsnn train detection`: trees seen from the air."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mpsnn import data
from mpsnn.cli_tasks import Network, Score, Source, Task
from mpsnn.detection import (
    Grid,
    Views,
    anchors,
    decode,
    detector,
    mean_average_precision,
    save_boxes,
)
from mpsnn.graph import Graph
from mpsnn.optim import Adam, Optimizer
from mpsnn.schedules import CosineDecay, WarmUp
from mpsnn.trace import Trace
from mpsnn.training import Trainer

DRAWN = 12  # tiles of the picture
STRIDE = 16
ANCHORS = 2


@dataclass(frozen=True)
class Tiles:
    """Trees, and the grid that they are found by."""

    trees: data.Trees
    grid: Grid

    @classmethod
    def of(cls, trees: data.Trees) -> Tiles:
        """With anchors like the boxes to learn from."""
        cells = trees.train_tiles.shape[1] // STRIDE
        sizes = anchors(trees.train_boxes, ANCHORS, stride=STRIDE)
        return cls(trees, Grid(cells, cells, STRIDE, sizes))

    @property
    def count(self) -> int:
        """Training tiles."""
        return len(self.trees.train_tiles)

    def network(self, graph: Graph) -> Network:
        """The detector."""
        net = detector(graph, self.grid)
        return Network(net.loss, net.cells)

    def source(self, batch: int, seed: int, trace: Trace | None) -> Source:
        """Views of the training tiles."""
        trees = self.trees
        return Views(trees.train_tiles, trees.train_boxes, self.grid, batch, seed=seed, trace=trace)

    def test(self, trainer: Trainer) -> Score:
        """Mean average precision."""
        tiles, boxes = self.trees.test_tiles, self.trees.test_boxes
        found = decode(trainer.infer(tiles), self.grid)

        def draw(path: Path, losses: list[float], title: str) -> None:
            save_boxes(path, tiles[:DRAWN], found[:DRAWN], boxes[:DRAWN], title)

        value = mean_average_precision(found, boxes, iou=0.5)
        return Score("test_map50", "mAP at IoU 0.5", value, draw)


def optimizer(per_epoch: int, epochs: int) -> Optimizer:
    """Adam, warmed up, then along half a cosine."""
    warm = min(3, epochs) * per_epoch
    return Adam(WarmUp(CosineDecay(2e-3, max(1, epochs * per_epoch - warm), 2e-5), warm))


def _load() -> Tiles:
    return Tiles.of(data.trees())


DETECTION = Task("detection", "tiles", _load, optimizer, 4, 80, epochs_per_test=10)
