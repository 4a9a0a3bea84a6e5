"""Residual networks. He, Zhang, Ren and Sun, CVPR 2016, https://arxiv.org/abs/1512.03385.

The layers have the names, and compute what the layers compute, of torchvision's networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from mpsnn import arguments, layers
from mpsnn.layers.base import appended, value_of
from mpsnn.models.blocks import conv_norm
from mpsnn.values import Value

Stem: TypeAlias = Literal["imagenet", "small"]
"""How an image enters: by a convolution of 7 x 7 and pooling, to a quarter of its size; or, for
images as small as 32 x 32, by one of 3 x 3 at full size."""

Block: TypeAlias = Callable[[Value, str, int, int], Value]
"""Of x, a name, channels and a stride."""


def resnet18(x: Value, classes: int = 1000, *, stem: Stem = "imagenet") -> Value:
    """ResNet-18, 11.7 million parameters: an image (H, W, 3) to logits (classes,).

    Args:
        x: 224 x 224 pixels with the stem of ImageNet, or any other size of 32 or more.
        classes: Of the logits.
        stem: "imagenet", or "small" for images as those of CIFAR.

    Raises:
        ShapeError: If `x` is no image, or an argument is not accepted.
    """
    return _resnet("resnet18", x, classes, stem, _basic, (2, 2, 2, 2))


def resnet50(x: Value, classes: int = 1000, *, stem: Stem = "imagenet") -> Value:
    """ResNet-50, 25.6 million parameters. Arguments and result as `resnet18`.

    As in torchvision the stride of a block is in its convolution of 3 x 3, and not as in the
    paper in the first one of 1 x 1: that is version 1.5.
    """
    return _resnet("resnet50", x, classes, stem, _bottleneck, (3, 4, 6, 3))


def _resnet(
    op: str, x: Value, classes: int, stem: Stem, block: Block, depths: tuple[int, int, int, int]
) -> Value:
    arguments.choice(op, "stem", stem, ("imagenet", "small"))

    def append(x: Value) -> Value:
        y = _imagenet(x) if stem == "imagenet" else _small(x)
        for stage, depth in enumerate(depths):
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                y = block(y, f"layer{stage + 1}.{i}", 64 * 2**stage, stride)
        return layers.Dense(classes, name="fc")(y.graph.global_avg_pool2d(y))

    return appended(append, value_of(op, x))


def _imagenet(x: Value) -> Value:
    net = x.graph
    y = conv_norm(x, 64, 7, stride=2, padding=3, names=("conv1", "bn1"))
    return net.max_pool2d(net.relu(y), 3, stride=2, padding=1)


def _small(x: Value) -> Value:
    return x.graph.relu(conv_norm(x, 64, 3, names=("conv1", "bn1")))


def _basic(x: Value, name: str, channels: int, stride: int) -> Value:
    """Two convolutions of 3 x 3, to `channels`."""
    net = x.graph
    y = net.relu(_conv(x, name, 1, channels, 3, stride))
    y = _conv(y, name, 2, channels, 3)
    return net.relu(y + _shortcut(x, name, channels, stride))


def _bottleneck(x: Value, name: str, channels: int, stride: int) -> Value:
    """1 x 1, 3 x 3 on fewer channels, and 1 x 1 to 4 times `channels`."""
    net = x.graph
    y = net.relu(_conv(x, name, 1, channels, 1))
    y = net.relu(_conv(y, name, 2, channels, 3, stride))
    y = _conv(y, name, 3, 4 * channels, 1)
    return net.relu(y + _shortcut(x, name, 4 * channels, stride))


def _conv(x: Value, name: str, i: int, channels: int, kernel: int, stride: int = 1) -> Value:
    """The `i`-th convolution of a block."""
    names = (f"{name}.conv{i}", f"{name}.bn{i}")
    return conv_norm(x, channels, kernel, stride=stride, padding=kernel // 2, names=names)


def _shortcut(x: Value, name: str, channels: int, stride: int) -> Value:
    """`x`, or where the block changes its shape, a convolution of 1 x 1 that does so too."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    names = (f"{name}.downsample.0", f"{name}.downsample.1")
    return conv_norm(x, channels, 1, stride=stride, padding=0, names=names)
