"""`mpsnn train detection` beside the same training in PyTorch.

    python -m benchmarks.detection_torch --seeds 0 1 2

prints the mean average precision at IoU 0.5 on the test tiles that both reach: the same tiles, views
of them, network, first weights' distributions, loss, optimizer and schedule, in float32.

    python -m benchmarks.detection_torch --held-out --only mpsnn --precision bfloat16

trains without the last of the training tiles and tests on those: to choose by.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mpsnn import cli_detection, cli_train, data
from mpsnn.detection import Grid, Views, decode, mean_average_precision, network
from mpsnn.schedules import rate_at

HELD_OUT = 20  # the last tiles; as they go by rows of their picture, the lower end of it


def held_out(trees: data.Trees) -> data.Trees:
    """The training tiles alone, the last of them to test on."""
    tiles, boxes = trees.train_tiles, trees.train_boxes
    return data.Trees(tiles[:-HELD_OUT], boxes[:-HELD_OUT], tiles[-HELD_OUT:], boxes[-HELD_OUT:])


def small_yolo(outputs: int) -> nn.Sequential:
    """That of `mpsnn.detection.detector`, with weights drawn from the same distributions."""
    layers: list[nn.Module] = [nn.InstanceNorm2d(3)]
    before = 3
    for i, channels in enumerate(network.CHANNELS):
        convolution = nn.Conv2d(before, channels, 3, 1 if i else 2, 1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_in", nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(channels), nn.LeakyReLU(0.1)]
        if i in network.POOLED:
            layers.append(nn.MaxPool2d(2))
        before = channels
    last = nn.Conv2d(before, outputs, 1)
    nn.init.xavier_uniform_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Of centres and sizes (..., 4)."""
    return boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of centres and sizes (..., 4)."""
    (a_low, a_high), (b_low, b_high) = corners(a), corners(b)
    both = (torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0).prod(-1)
    return both / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both)


def yolo_loss(cells: Tensor, labels: Tensor, grid: Grid) -> Tensor:
    """`Graph.yolo_loss` as `detector` has it, for one class, summed, of each picture (N,).

    Args:
        cells: (N, rows, columns, A * 6).
        labels: Likewise.
        grid: Cells and anchors.
    """
    shape = (len(cells), grid.rows, grid.columns, len(grid.anchors), -1)
    x, t = cells.reshape(shape), labels.reshape(shape)
    anchors = torch.tensor(grid.anchors)
    rows, columns = torch.meshgrid(
        torch.arange(grid.rows), torch.arange(grid.columns), indexing="ij"
    )
    cell = torch.stack([columns, rows], dim=-1)[:, :, None].float()

    def boxes(xy: Tensor, wh: Tensor) -> Tensor:
        return torch.cat([cell + xy, anchors * wh.exp()], dim=-1)

    xy = x[..., :2].sigmoid()
    there = t[..., 4] >= 0.5
    with torch.no_grad():
        mine, truth = boxes(xy, x[..., 2:4]), boxes(t[..., :2], t[..., 2:4])
        best = torch.zeros(there.shape)
        for i, mask in enumerate(there):
            if mask.any():
                best[i] = overlap(mine[i][..., None, :], truth[i][mask]).amax(-1)
        target = torch.where(there, overlap(mine, truth), torch.where(best > 0.7, best, 0.0))
        nothing = torch.where(best < network.MAX_IOU, network.SCALE_NO_OBJECT, 0.0)
        scale = torch.where(there | (best > 0.7), network.SCALE_OBJECT, nothing)
    confidence = functional.binary_cross_entropy_with_logits(x[..., 4], target, reduction="none")
    place = (xy - t[..., :2]).square().sum(-1)
    size = functional.huber_loss(x[..., 2:4], t[..., 2:4], reduction="none").sum(-1)
    return (scale * confidence + there * (network.SCALE_XY * place + 10 * size)).sum((1, 2, 3))


def train(examples: cli_detection.Tiles, seed: int, epochs: int, batch: int) -> dict[str, Any]:
    """Train on the trees, and test."""
    torch.manual_seed(seed)
    trees, grid = examples.trees, examples.grid
    views = Views(trees.train_tiles, trees.train_boxes, grid, batch, seed=seed)
    net = small_yolo(grid.channels).to(memory_format=torch.channels_last)
    rule = cli_detection.optimizer(len(views), epochs)
    optimizer = torch.optim.Adam(net.parameters(), weight_decay=rule.l2)
    started, step = time.monotonic(), 0
    for epoch in range(epochs):
        for images, labels in views.batches(epoch):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(rule.learning_rate, step)
            cells = net(pixels(images)).permute(0, 2, 3, 1)
            loss = yolo_loss(cells, torch.from_numpy(labels), grid).mean()
            optimizer.zero_grad()
            (loss / (grid.rows * grid.columns)).backward()
            optimizer.step()
            step += 1
    seconds = time.monotonic() - started
    net.eval()
    with torch.no_grad():
        cells = net(pixels(trees.test_tiles)).permute(0, 2, 3, 1).numpy()
    found = decode(cells, grid)
    return {"test_map50": mean_average_precision(found, trees.test_boxes), "seconds": seconds}


def pixels(images: np.ndarray) -> Tensor:
    """Channels first, 0 to 1, in memory as they were."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    """Print a line of JSON for each seed and library, and the means."""
    task = cli_detection.DETECTION
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=task.epochs)
    parser.add_argument("--batch", type=int, default=task.batch)
    parser.add_argument("--precision", default="float32", help="of mpsnn")
    parser.add_argument("--only", choices=["mpsnn", "torch"])
    parser.add_argument("--held-out", action="store_true", help="test on training tiles instead")
    asked = parser.parse_args()
    trees = held_out(data.trees()) if asked.held_out else data.trees()
    examples = cli_detection.Tiles.of(trees)
    task = dataclasses.replace(task, load=lambda: examples)
    reached: dict[str, list[float]] = {}
    for seed in asked.seeds:
        options = cli_train.Options(
            epochs=asked.epochs, batch=asked.batch, seed=seed, precision=asked.precision, json=True
        )
        runs = {
            "mpsnn": lambda options=options: cli_train.run(task, options),
            "torch": lambda seed=seed: train(examples, seed, asked.epochs, asked.batch),
        }
        for library in [asked.only] if asked.only else runs:
            found = runs[library]()
            reached.setdefault(library, []).append(found["test_map50"])
            line = {"library": library, "seed": seed, "test_map50": found["test_map50"]}
            print(json.dumps({**line, "seconds": found["seconds"]}), flush=True)
    for library, values in reached.items():
        print(f"{library}: mean test mAP at IoU 0.5 {np.mean(values):.2%} of {len(values)} seeds")


if __name__ == "__main__":
    main()
