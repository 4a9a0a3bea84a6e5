"""Find trees in pictures from the air, and draw a box around each.

`--epochs 20` for a quick look.
"""

from __future__ import annotations

import argparse

import mpsnn
from mpsnn import detection, schedules

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=80)
epochs = parser.parse_args().epochs

trees = mpsnn.data.trees()
anchors = detection.anchors(trees.train_boxes, count=2, stride=16)
grid = detection.Grid(rows=13, columns=13, stride=16, anchors=anchors)
views = detection.Views(trees.train_tiles, trees.train_boxes, grid, batch=4)

net = detection.detector(mpsnn.Graph(seed=0), grid)
steps = epochs * len(views)
rate = schedules.WarmUp(schedules.CosineDecay(2e-3, steps), steps // 20)

with mpsnn.Trainer(net.loss, net.cells, optimizer=mpsnn.Adam(rate), batch=4) as trainer:
    for epoch in range(epochs):
        for tiles, labels in views.batches(epoch):
            step = trainer.train_step(tiles, labels)
        if (epoch + 1) % 10 == 0 or epoch + 1 == epochs:
            found = detection.decode(trainer.infer(trees.test_tiles), grid)
            precision = detection.mean_average_precision(found, trees.test_boxes)
            print(
                f"epoch {epoch + 1}: loss of the last batch {step.loss.mean():.3f}, "
                f"test mAP at IoU 0.5 {precision:.1%}"
            )

for box, score in zip(found[0].boxes[:5], found[0].scores, strict=False):
    left, top, right, bottom = box.round().astype(int).tolist()
    print(f"a tree, {score:.0%} sure, in rows {top} to {bottom}, columns {left} to {right}")
