"""Layers one after the other, and pools of sequences."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, Value, layers


def residual(x: Value, channels: int) -> Value:
    """A block that learns what to add to x."""
    inner = layers.Sequential(
        [
            layers.Conv2d(channels, 3, bias=False),
            layers.BatchNorm(),
            layers.ReLU(),
            layers.Conv2d(channels, 3, bias=False),
            layers.BatchNorm(),
        ]
    )
    if x.shape[-1] != channels:
        return layers.ReLU()(inner(x) + layers.Conv2d(channels, 1)(x))
    return layers.ReLU()(inner(x) + x)


def test_a_residual_network_learns(backend: str, rng: np.random.Generator) -> None:
    net = Graph(seed=1)
    x, labels = net.input(6, 6, 1), net.labels(2)
    logits = layers.Sequential(
        [
            lambda v: residual(v, 4),
            lambda v: residual(v, 4),
            layers.GlobalAvgPool2d(),
            layers.Dense(2),
        ]
    )(x)
    classes = rng.integers(2, size=16)
    images = rng.standard_normal((16, 6, 6, 1)).astype(np.float32)
    images += classes[:, None, None, None]
    loss = net.softmax_cross_entropy(logits, labels)
    with mpsnn.Trainer(
        loss, logits, batch=16, backend=backend, optimizer=mpsnn.Adam(0.02)
    ) as trainer:
        first = trainer.train_step(images, classes).loss.mean()
        for _ in range(20):
            step = trainer.train_step(images, classes)
        assert step.loss.mean() < 0.5 * first


def test_two_calls_make_two_sets_of_weights() -> None:
    block = layers.Sequential([layers.Dense(3), layers.ReLU()])
    net = Graph()
    x = net.input(3)
    assert block(block(x)).shape == (3,)
    assert "dense_1.weight" in str(net)
    assert "dense_2.weight" in str(net)
    assert layers.Sequential([])(x) is x


def test_a_refused_layer_leaves_the_graph_as_it_was() -> None:
    net = Graph()
    x = net.input(4, 4, 1)
    before = str(net)
    with pytest.raises(ShapeError, match="conv2d: "):
        layers.Sequential([layers.Conv2d(2, 3), layers.Conv2d(2, 9, padding="valid")])(x)
    assert str(net) == before
    for wrong in ([layers.Dense], [layers.Dense(2), 3]):
        with pytest.raises(TypeError, match="sequential: layers must be layers or functions"):
            layers.Sequential(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sequential: x must be a Value, got ndarray"):
        layers.Sequential([])(np.zeros(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.MaxPool1d(2), (4, 3)),
        (layers.MaxPool1d(2, stride=1, dilation=3, padding=(1, 0)), (7, 3)),
        (layers.AvgPool1d(3, stride=2, padding="same"), (5, 3)),
        (layers.AvgPool1d(9), (1, 3)),
        (layers.GlobalAvgPool1d(), (3,)),
        (layers.GlobalMaxPool1d(), (3,)),
        (layers.Rescaling(2.0, -1.0), (9, 3)),
        (lambda x: layers.Subtract()([x, x]), (9, 3)),
    ],
)
def test_layers_of_sequences(layer: Any, shape: tuple[int, ...]) -> None:
    assert layer(Graph().input(9, 3)).shape == shape


def test_pools_of_sequences_are_those_of_images_of_one_row(backend: str, rng) -> None:
    x = rng.standard_normal((2, 9, 3)).astype(np.float32)
    net = Graph()
    value = net.input(9, 3)
    outputs = [
        net.max_pool1d(value, 2),
        net.avg_pool1d(value, 4, stride=1),
        net.max_pool1d(value, 2, stride=1, dilation=2),
    ]
    weight = net.parameter(3, source=mpsnn.InitializerSource(weight=mpsnn.Constant(1.0)))
    loss = net.reduce_mean(value * weight)
    with mpsnn.Trainer(loss, outputs, batch=2, backend=backend) as trainer:
        largest, means, spread = trainer.infer(x)
    np.testing.assert_array_equal(largest, np.maximum(x[:, :8:2], x[:, 1:8:2]))
    np.testing.assert_allclose(
        means, np.stack([x[:, i : i + 4].mean(1) for i in range(6)], 1), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(spread, np.maximum(x[:, :-2], x[:, 2:]))


ERRORS: list[tuple[Any, str]] = [
    (
        lambda g: g.max_pool1d(g.input(4), 2),
        "max_pool1d: x must be a sequence (T, C) per image, float32, got Value(",
    ),
    (lambda g: g.max_pool1d(g.input(4, 1), 5), "does not fit in the padded x (1, 4, 1)"),
    (
        lambda g: g.avg_pool1d(g.input(4, 1), 2, padding=(1, 1, 1)),
        "avg_pool1d: padding must be one",
    ),
    (lambda g: g.avg_pool1d(g.input(4, 1), 0), "avg_pool1d: kernel must be from 1"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_leave_the_graph_alone(build: Any, message: str) -> None:
    net = Graph()
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(net)
    assert "reshape" not in str(net)
