"""A small detector after Tiny YOLO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mpsnn import layers
from mpsnn._core import ShapeError
from mpsnn.detection.grid import Grid
from mpsnn.graph import Graph
from mpsnn.layers.base import appended, value_of
from mpsnn.models.blocks import conv_norm
from mpsnn.values import Value

CHANNELS = (16, 32, 64, 128, 192, 192)
POOLED = (0, 2, 3)  # convolutions with pooling behind

# With yolo_loss's defaults, 10 and 100, the gradient of a confidence is 20 times or more that of a
# place with the same error, 10 * 2 * s * (1 - s) times it, and so few pictures teach no places.
SCALE_XY, SCALE_OBJECT, SCALE_NO_OBJECT = 40.0, 20.0, 2.0

# With the default, 0.3, nothing tells a predictor whose box has an IoU of 0.3 to 0.7 with a tree
# that it is none, nor does nms leave it out: beside every tree there are then boxes, and sure ones.
MAX_IOU = 0.6


class Detector(NamedTuple):
    """The ends of a network that detects."""

    images: Value
    labels: Value
    cells: Value
    loss: Value


def small_yolo(x: Value, outputs: int, channels: Sequence[int] = CHANNELS) -> Value:
    """An image (H, W, C) to (H / 16, W / 16, outputs), 0.7 million parameters.

    Tiny YOLO (`models.tiny_yolo`) for small pictures of small objects: convolutions with a
    batch_norm and a leaky relu, the first with a stride of 2, three with pooling behind, and one
    to the boxes.

    Args:
        x: H and W must be multiples of 16.
        outputs: `Grid.channels`.
        channels: Of the convolutions, four or more.

    Raises:
        ShapeError: If `x` has no such size, or there are not as many channels.
    """
    value_of("small_yolo", x)
    if len(x.shape) != 3 or x.shape[0] % 16 or x.shape[1] % 16:
        raise ShapeError(f"small_yolo: x must be (16 i, 16 j, C), got {x.shape}")
    if len(channels) <= POOLED[-1]:
        raise ShapeError(f"small_yolo: channels must be four or more, got {tuple(channels)}")
    return appended(lambda x: _small_yolo(x, outputs, channels), x)


def _small_yolo(x: Value, outputs: int, channels: Sequence[int]) -> Value:
    net, y = x.graph, x
    for i, count in enumerate(channels):
        # As PyTorch pads: one pixel on every side, with a stride too.
        y = conv_norm(
            y, count, 3, stride=1 if i else 2, padding=1, names=(f"conv{i + 1}", f"bn{i + 1}")
        )
        y = net.leaky_relu(y, 0.1)
        if i in POOLED:
            y = net.max_pool2d(y, 2)
    return layers.Conv2d(outputs, 1, name=f"conv{len(channels) + 1}")(y)


def detector(graph: Graph, grid: Grid, channels: Sequence[int] = CHANNELS) -> Detector:
    """`small_yolo` for the pictures of a grid, uint8 (H, W, 3), with its loss.

    Args:
        graph: Described on.
        grid: With a stride of 16.
        channels: As of `small_yolo`.

    Raises:
        ShapeError: If the stride is another one.
    """
    if grid.stride != 16:
        raise ShapeError(f"detector: the grid must have a stride of 16, got {grid.stride}")
    images = graph.input(*grid.size, 3, dtype="uint8", scale=1 / 255, name="images")
    labels = graph.labels(*grid.shape, name="labels")
    # Each picture and channel with a mean of 0 and a variance of 1: another light, or another camera.
    cells = small_yolo(graph.instance_norm(images), grid.channels, channels)
    # The scales have a sum of some hundreds: as a mean over the cells the loss is a few units.
    loss = graph.yolo_loss(
        cells,
        labels,
        anchors=grid.anchors,
        scale_xy=SCALE_XY,
        scale_object=SCALE_OBJECT,
        scale_no_object=SCALE_NO_OBJECT,
        max_iou=MAX_IOU,
        weight=1 / (grid.rows * grid.columns),
    )
    return Detector(images, labels, cells, loss)
