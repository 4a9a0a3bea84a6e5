"""Layers of the layout and sampling families."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Value, layers


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Reshape((12, 8)), (12, 8)),
        (layers.Permute((2, 0, 1)), (2, 8, 6)),
        (layers.ZeroPadding2d(), (10, 8, 2)),
        (layers.ZeroPadding2d((1, 0, 2, 3)), (9, 11, 2)),
        (layers.Cropping2d(2), (4, 2, 2)),
        (layers.Cropping2d((1, 0, 2, 3)), (7, 1, 2)),
        (layers.UpSampling2d(), (16, 12, 2)),
        (layers.UpSampling2d((1, 3), "bilinear"), (8, 18, 2)),
        (layers.UpSampling2d(2, "bilinear", align_corners=True), (16, 12, 2)),
        (lambda x: layers.Concatenate()([x, x]), (8, 6, 4)),
        (lambda x: layers.Concatenate(axis=0)([x]), (8, 6, 2)),
    ],
)
def test_a_layer_gives_the_shape_that_it_documents(
    layer: Callable[[Value], Value], shape: tuple[int, ...]
) -> None:
    assert layer(Graph().input(8, 6, 2)).shape == shape


def test_a_network_of_them_learns(backend: str, rng: np.random.Generator) -> None:
    net = Graph()
    x, labels = net.input(6, 6, 1), net.labels(2)
    y = net.relu(layers.Conv2d(4, 3, padding="valid")(layers.ZeroPadding2d()(x)))
    small = layers.UpSampling2d(2, "bilinear")(layers.MaxPool2d(2)(y))
    y = layers.Concatenate()([layers.Cropping2d()(y), layers.Cropping2d()(small)])
    y = layers.Reshape((128,))(layers.Permute((2, 0, 1))(y))
    loss = net.softmax_cross_entropy(layers.Dense(2)(y), labels)
    classes = np.arange(8) % 2
    images = rng.standard_normal((8, 6, 6, 1)) + classes[:, None, None, None]
    with mpsnn.Trainer(loss, batch=8, backend=backend, optimizer=mpsnn.Adam(0.01)) as trainer:
        steps = [trainer.train_step(images.astype(np.float32), classes) for _ in range(30)]
        losses = [float(step.loss.mean()) for step in steps]
    assert losses[-1] < 0.3 * losses[0]
