"""Tiny YOLO, version 2. Redmon and Farhadi, CVPR 2017, https://arxiv.org/abs/1612.08242."""

from __future__ import annotations

from mpsnn import arguments, layers
from mpsnn._core import ShapeError
from mpsnn.layers.base import appended, value_of
from mpsnn.models.blocks import conv_norm
from mpsnn.values import Value

TINY_YOLO_ANCHORS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))
"""Width and height, in cells of 32 pixels, of the boxes of Pascal VOC that the network starts
from: the anchors of its authors, for `Graph.yolo_loss`."""


def tiny_yolo(x: Value, classes: int = 20, *, anchors: int = len(TINY_YOLO_ANCHORS)) -> Value:
    """Tiny YOLO v2, 15.9 million parameters: an image (H, W, 3) to (H / 32, W / 32, cells).

    Nine convolutions: eight with a batch_norm and a leaky relu, six of them with pooling behind,
    and one to the boxes. The last pooling has a stride of 1 and leaves the image its size.

    Args:
        x: 416 x 416 pixels, or another size that 32 divides.
        classes: Of objects.
        anchors: How many boxes a cell may have.

    Returns:
        (H / 32, W / 32, anchors * (5 + classes)), as `Graph.yolo_loss` reads it: for each anchor
        x, y, w, h, confidence, classes.

    Raises:
        ShapeError: If `x` is not of such a size, or a number is not positive.
    """
    value_of("tiny_yolo", x)
    outputs = arguments.integer("tiny_yolo", "anchors", anchors, 1)
    outputs *= 5 + arguments.integer("tiny_yolo", "classes", classes, 1)
    if len(x.shape) != 3 or x.shape[0] % 32 or x.shape[1] % 32:
        raise ShapeError(f"tiny_yolo: x must be (32 i, 32 j, C), got {x.shape}")
    return appended(lambda x: _tiny_yolo(x, outputs), x)


def _tiny_yolo(x: Value, outputs: int) -> Value:
    net, y = x.graph, x
    for i, channels in enumerate((16, 32, 64, 128, 256, 512, 1024, 1024), start=1):
        y = conv_norm(y, channels, 3, names=(f"conv{i}", f"bn{i}"))
        y = net.leaky_relu(y, 0.1)
        if i <= 5:
            y = net.max_pool2d(y, 2)
        elif i == 6:
            y = net.max_pool2d(y, 2, stride=1, padding="same")
    return layers.Conv2d(outputs, 1, name="conv9")(y)
