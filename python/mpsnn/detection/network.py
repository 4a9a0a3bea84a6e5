"""A small detector after TinyYOLO, and its training examples."""

from __future__ import annotations

from collections.abc import Sequence

from mpsnn import layers
from mpsnn.graph import Graph
from mpsnn.values import Value

CHANNELS = (16, 32, 64, 128, 256, 256)
STRIDE = 16


def small_yolo(image: Value, channels: int, widths: Sequence[int] = CHANNELS) -> Value:
    net = image.graph
    x = image
    for i, width in enumerate(widths):
        x = layers.Conv2d(width, 3, stride=1 if i else 2, bias=False)(x)
        x = net.relu(layers.BatchNorm()(x), 0.1)
        if 0 < i < 4:
            x = net.max_pool2d(x, 2)
    return layers.Conv2d(channels, 1)(x)
