"""Layers of the convolution family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Value, _core, layers


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.ConvTranspose2d(4, 3), (8, 6, 4)),
        (layers.ConvTranspose2d(4, 3, stride=2), (16, 12, 4)),
        (layers.ConvTranspose2d(4, 3, stride=2, padding="valid"), (17, 13, 4)),
        (layers.ConvTranspose2d(4, 3, stride=2, padding=1, output_padding=1), (16, 12, 4)),
        (layers.ConvTranspose2d(4, 3, dilation=2, padding=(1, 0, 2, 0), groups=2), (11, 8, 4)),
        (layers.DepthwiseConv2d(3), (8, 6, 2)),
        (layers.DepthwiseConv2d((3, 2), multiplier=3, stride=2, bias=False), (4, 3, 6)),
        (layers.SeparableConv2d(5, 3), (8, 6, 5)),
        (layers.SeparableConv2d(5, 3, multiplier=2, padding="valid", dilation=2), (4, 2, 5)),
        (layers.Conv2d(4, 3, accumulator="half"), (8, 6, 4)),
    ],
)
def test_a_layer_gives_the_shape_that_it_documents(
    layer: Callable[[Value], Value], shape: tuple[int, ...]
) -> None:
    assert layer(Graph().input(8, 6, 2)).shape == shape


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv1d(4, 3), (9, 4)),
        (layers.Conv1d(4, 3, stride=2), (5, 4)),
        (layers.Conv1d(4, 3, padding="valid"), (7, 4)),
        (layers.Conv1d(4, 3, padding=(2, 0), dilation=2, groups=2, bias=False), (7, 4)),
    ],
)
def test_conv1d_gives_the_shape_that_it_documents(
    layer: Callable[[Value], Value], shape: tuple[int, ...]
) -> None:
    assert layer(Graph().input(9, 2)).shape == shape


def test_layers_name_their_weights() -> None:
    net = Graph()
    x = net.input(8, 6, 2)
    layers.SeparableConv2d(5, 3, multiplier=2)(layers.ConvTranspose2d(4, 3)(x))
    layers.DepthwiseConv2d(3, name="each")(x)
    layers.Conv1d(3, 5, bias=False)(x[0])
    assert {net.core.label(v): tuple(net.core.shape(v)) for v in net.core.parameters()} == {
        "conv_transpose2d_1.weight": (4, 3, 3, 2),
        "conv_transpose2d_1.bias": (4,),
        "separable_conv2d_1.depthwise": (8, 3, 3, 1),
        "separable_conv2d_1.weight": (5, 1, 1, 8),
        "separable_conv2d_1.bias": (5,),
        "each.weight": (2, 3, 3, 1),
        "each.bias": (2,),
        "conv1d_1.weight": (3, 5, 2),
    }


def test_a_separable_convolution_is_one_of_full_kernels(
    backend: str, rng: np.random.Generator
) -> None:
    depthwise = rng.standard_normal((4, 3, 3, 1)).astype(np.float32)
    pointwise = rng.standard_normal((5, 1, 1, 4)).astype(np.float32)
    image = rng.standard_normal((1, 6, 5, 2)).astype(np.float32)
    # Filter m of channel m // 2 reaches output o by pointwise[o, m].
    each = pointwise[:, 0, 0, :, None, None] * depthwise[None, :, :, :, 0]
    full = each.reshape(5, 2, 2, 3, 3).sum(2).transpose(0, 2, 3, 1)
    net = Graph()
    x = net.input(6, 5, 2)
    dtype = np.float64 if backend == "reference" else np.float32
    separable = mpsnn.ArraySource(depthwise=depthwise, weight=pointwise)
    direct = mpsnn.ArraySource(weight=np.ascontiguousarray(full))
    a = layers.SeparableConv2d(5, 3, multiplier=2, bias=False, source=separable)(x)
    b = layers.Conv2d(5, 3, bias=False, source=direct)(x)
    exe = _core.compile(net.core, batch=1, outputs=[a.id, b.id], backend=backend)
    first, second = exe.run(1, [(x.id, image.astype(dtype))], [a.id, b.id])
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_network_of_them_learns(backend: str, trainable: bool, rng: np.random.Generator) -> None:
    net = Graph(seed=3)
    x, labels = net.input(6, 6, 1), net.labels(2)
    y = net.relu(layers.SeparableConv2d(4, 3, stride=2, multiplier=3)(x))
    y = net.relu(layers.ConvTranspose2d(3, 3, stride=2, trainable=trainable)(y))
    y = net.relu(layers.DepthwiseConv2d(3, multiplier=2)(y))
    y = net.relu(layers.Conv1d(4, 3)(net.reshape(y, 36, 6)))
    loss = net.softmax_cross_entropy(layers.Dense(2)(y), labels)
    classes = np.arange(8) % 2
    images = rng.standard_normal((8, 6, 6, 1)) + classes[:, None, None, None]
    with mpsnn.Trainer(loss, batch=8, backend=backend, optimizer=mpsnn.Adam(0.01)) as trainer:
        before = trainer.state_dict()["conv_transpose2d_1.weight"]
        steps = [trainer.train_step(images.astype(np.float32), classes) for _ in range(40)]
        losses = [float(step.loss.mean()) for step in steps]
        after = trainer.state_dict()["conv_transpose2d_1.weight"]
    assert losses[-1] < 0.3 * losses[0]
    assert (before == after).all() != trainable
