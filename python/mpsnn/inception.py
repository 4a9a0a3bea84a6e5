"""Inception-v3. Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, CVPR 2016, figures 5 to 7."""

from __future__ import annotations

from collections.abc import Callable

from mpsnn import layers
from mpsnn.arguments import Padding, Pair
from mpsnn.values import Value

Branch = Callable[[Value], Value]


def inception_v3(x: Value, classes: int = 1000) -> Value:
    """Logits, (classes,), of an image (299, 299, 3): 23.8 million parameters for 1,000 classes.

    Every convolution is followed by a batch_norm and a relu. Without the auxiliary classifier.
    Averages are over the pixels inside the image.
    """
    stem = [_conv(32, 3, 2, "valid"), _conv(32, 3, padding="valid"), _conv(64, 3), _max_pool]
    stem += [_conv(80, 1), _conv(192, 3, padding="valid"), _max_pool]
    y = _chain(*stem)(x)
    for pooled in (32, 64, 64):
        y = _module_a(y, pooled)
    y = _reduction_a(y)
    for channels in (128, 160, 160, 192):
        y = _module_b(y, channels)
    y = _reduction_b(y)
    for _ in range(2):
        y = _module_c(y)
    net = x.graph
    y = net.flatten(net.avg_pool2d(y, (y.shape[0], y.shape[1])))
    return layers.Dense(classes)(net.dropout(y, 0.5))


def _conv(channels: int, kernel: Pair, stride: int = 1, padding: Padding = "same") -> Branch:
    def apply(x: Value) -> Value:
        y = layers.Conv2d(channels, kernel, stride=stride, padding=padding, bias=False)(x)
        return x.graph.relu(layers.BatchNorm(epsilon=1e-3)(y))

    return apply


def _chain(*branches: Branch) -> Branch:
    def apply(x: Value) -> Value:
        for branch in branches:
            x = branch(x)
        return x

    return apply


def _join(x: Value, *branches: Branch) -> Value:
    return x.graph.concat([branch(x) for branch in branches])


def _max_pool(x: Value) -> Value:
    return x.graph.max_pool2d(x, 3, stride=2)


def _avg_pool(x: Value) -> Value:
    return x.graph.avg_pool2d(x, 3, stride=1, padding="same")


def _module_a(x: Value, pooled: int) -> Value:
    return _join(
        x,
        _conv(64, 1),
        _chain(_conv(48, 1), _conv(64, 5)),
        _chain(_conv(64, 1), _conv(96, 3), _conv(96, 3)),
        _chain(_avg_pool, _conv(pooled, 1)),
    )


def _reduction_a(x: Value) -> Value:
    return _join(
        x,
        _conv(384, 3, 2, "valid"),
        _chain(_conv(64, 1), _conv(96, 3), _conv(96, 3, 2, "valid")),
        _max_pool,
    )


def _module_b(x: Value, c: int) -> Value:
    row, column = (1, 7), (7, 1)
    return _join(
        x,
        _conv(192, 1),
        _chain(_conv(c, 1), _conv(c, row), _conv(192, column)),
        _chain(_conv(c, 1), _conv(c, column), _conv(c, row), _conv(c, column), _conv(192, row)),
        _chain(_avg_pool, _conv(192, 1)),
    )


def _reduction_b(x: Value) -> Value:
    return _join(
        x,
        _chain(_conv(192, 1), _conv(320, 3, 2, "valid")),
        _chain(_conv(192, 1), _conv(192, (1, 7)), _conv(192, (7, 1)), _conv(192, 3, 2, "valid")),
        _max_pool,
    )


def _module_c(x: Value) -> Value:
    def split(y: Value) -> Value:
        return _join(y, _conv(384, (1, 3)), _conv(384, (3, 1)))

    return _join(
        x,
        _conv(320, 1),
        _chain(_conv(384, 1), split),
        _chain(_conv(448, 1), _conv(384, 3), split),
        _chain(_avg_pool, _conv(192, 1)),
    )
