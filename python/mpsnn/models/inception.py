"""Inception-v3. Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, CVPR 2016, figures 5 to 8.

The layers have the names, and compute what the layers compute, of torchvision's network.
"""

from __future__ import annotations

from typing import NamedTuple

from mpsnn import layers
from mpsnn.arguments import Padding, Pair
from mpsnn.layers.base import appended, value_of
from mpsnn.models.blocks import conv_norm
from mpsnn.values import Value

ROW, COLUMN = (1, 7), (7, 1)


class InceptionLogits(NamedTuple):
    """Of the network and of its auxiliary classifier, (classes,) each."""

    logits: Value
    auxiliary: Value


def inception_v3(x: Value, classes: int = 1000) -> Value:
    """Logits, (classes,), of an image (299, 299, 3): 23.8 million parameters for 1,000 classes.

    Every convolution is followed by a batch_norm and a relu. Without the auxiliary classifier:
    for inference, or training without it.
    """
    return appended(lambda x: _head(_features(x), classes), value_of("inception_v3", x))


def inception_v3_with_auxiliary(x: Value, classes: int = 1000) -> InceptionLogits:
    """`inception_v3` with its auxiliary classifier, 27.2 million parameters for 1,000 classes.

    The loss of training is that of the logits plus 0.4 times that of the auxiliary ones, as
    torchvision's. Inference needs the logits alone.
    """

    def append(x: Value) -> InceptionLogits:
        middle = _stem_and_modules(x)
        return InceptionLogits(_head(_last_modules(middle), classes), _auxiliary(middle, classes))

    return appended(append, value_of("inception_v3", x))


def _features(x: Value) -> Value:
    return _last_modules(_stem_and_modules(x))


def _stem_and_modules(x: Value) -> Value:
    """Of an image (299, 299, 3), (17, 17, 768)."""
    net = x.graph
    y = _conv(x, "Conv2d_1a_3x3", 32, 3, 2, "valid")
    y = _conv(y, "Conv2d_2a_3x3", 32, 3, padding="valid")
    y = net.max_pool2d(_conv(y, "Conv2d_2b_3x3", 64, 3), 3, stride=2)
    y = _conv(y, "Conv2d_3b_1x1", 80, 1)
    y = net.max_pool2d(_conv(y, "Conv2d_4a_3x3", 192, 3, padding="valid"), 3, stride=2)
    for letter, pooled in zip("bcd", (32, 64, 64), strict=True):
        y = _module_a(y, f"Mixed_5{letter}", pooled)
    y = _reduction_a(y, "Mixed_6a")
    for letter, channels in zip("bcde", (128, 160, 160, 192), strict=True):
        y = _module_b(y, f"Mixed_6{letter}", channels)
    return y


def _last_modules(y: Value) -> Value:
    """Of (17, 17, 768), (8, 8, 2048)."""
    y = _reduction_b(y, "Mixed_7a")
    return _module_c(_module_c(y, "Mixed_7b"), "Mixed_7c")


def _head(y: Value, classes: int) -> Value:
    net = y.graph
    y = net.dropout(net.global_avg_pool2d(y), 0.5)
    return layers.Dense(classes, name="fc")(y)


def _auxiliary(y: Value, classes: int) -> Value:
    """Logits of (17, 17, 768)."""
    net = y.graph
    y = net.avg_pool2d(y, 5, stride=3)
    y = _conv(y, "AuxLogits.conv0", 128, 1)
    y = _conv(y, "AuxLogits.conv1", 768, 5, padding="valid")
    return layers.Dense(classes, name="AuxLogits.fc")(net.global_avg_pool2d(y))


def _conv(
    x: Value, name: str, channels: int, kernel: Pair, stride: int = 1, padding: Padding = "same"
) -> Value:
    y = conv_norm(
        x,
        channels,
        kernel,
        stride=stride,
        padding=padding,
        epsilon=1e-3,
        names=(f"{name}.conv", f"{name}.bn"),
    )
    return x.graph.relu(y)


def _pooled(x: Value, name: str, channels: int) -> Value:
    """Means of 3 x 3, which count the zeros around the image, and a convolution of them."""
    y = x.graph.avg_pool2d(x, 3, stride=1, padding="same", edge="zero")
    return _conv(y, f"{name}.branch_pool", channels, 1)


def _module_a(x: Value, name: str, pooled: int) -> Value:
    a = _conv(x, f"{name}.branch1x1", 64, 1)
    b = _conv(x, f"{name}.branch5x5_1", 48, 1)
    b = _conv(b, f"{name}.branch5x5_2", 64, 5)
    c = _conv(x, f"{name}.branch3x3dbl_1", 64, 1)
    c = _conv(c, f"{name}.branch3x3dbl_2", 96, 3)
    c = _conv(c, f"{name}.branch3x3dbl_3", 96, 3)
    return x.graph.concat([a, b, c, _pooled(x, name, pooled)])


def _reduction_a(x: Value, name: str) -> Value:
    a = _conv(x, f"{name}.branch3x3", 384, 3, 2, "valid")
    b = _conv(x, f"{name}.branch3x3dbl_1", 64, 1)
    b = _conv(b, f"{name}.branch3x3dbl_2", 96, 3)
    b = _conv(b, f"{name}.branch3x3dbl_3", 96, 3, 2, "valid")
    return x.graph.concat([a, b, x.graph.max_pool2d(x, 3, stride=2)])


def _module_b(x: Value, name: str, channels: int) -> Value:
    a = _conv(x, f"{name}.branch1x1", 192, 1)
    b = _conv(x, f"{name}.branch7x7_1", channels, 1)
    b = _conv(b, f"{name}.branch7x7_2", channels, ROW)
    b = _conv(b, f"{name}.branch7x7_3", 192, COLUMN)
    c = _conv(x, f"{name}.branch7x7dbl_1", channels, 1)
    c = _conv(c, f"{name}.branch7x7dbl_2", channels, COLUMN)
    c = _conv(c, f"{name}.branch7x7dbl_3", channels, ROW)
    c = _conv(c, f"{name}.branch7x7dbl_4", channels, COLUMN)
    c = _conv(c, f"{name}.branch7x7dbl_5", 192, ROW)
    return x.graph.concat([a, b, c, _pooled(x, name, 192)])


def _reduction_b(x: Value, name: str) -> Value:
    a = _conv(x, f"{name}.branch3x3_1", 192, 1)
    a = _conv(a, f"{name}.branch3x3_2", 320, 3, 2, "valid")
    b = _conv(x, f"{name}.branch7x7x3_1", 192, 1)
    b = _conv(b, f"{name}.branch7x7x3_2", 192, ROW)
    b = _conv(b, f"{name}.branch7x7x3_3", 192, COLUMN)
    b = _conv(b, f"{name}.branch7x7x3_4", 192, 3, 2, "valid")
    return x.graph.concat([a, b, x.graph.max_pool2d(x, 3, stride=2)])


def _module_c(x: Value, name: str) -> Value:
    def split(y: Value, first: str, second: str) -> Value:
        row = _conv(y, f"{name}.{first}", 384, (1, 3))
        return y.graph.concat([row, _conv(y, f"{name}.{second}", 384, (3, 1))])

    a = _conv(x, f"{name}.branch1x1", 320, 1)
    b = _conv(x, f"{name}.branch3x3_1", 384, 1)
    c = _conv(x, f"{name}.branch3x3dbl_1", 448, 1)
    c = _conv(c, f"{name}.branch3x3dbl_2", 384, 3)
    b = split(b, "branch3x3_2a", "branch3x3_2b")
    c = split(c, "branch3x3dbl_3a", "branch3x3dbl_3b")
    return x.graph.concat([a, b, c, _pooled(x, name, 192)])
