"""Normalization: frozen statistics in a trainer, layers, what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, Trainer, layers


def test_a_frozen_batch_norm_trains_by_its_running_statistics(backend: str, rng) -> None:
    images = (5 + rng.standard_normal((4, 3, 3, 2))).astype(np.float32)
    g = Graph(seed=1)
    x, labels = g.input(3, 3, 2), g.labels(2)
    y = g.relu(layers.BatchNorm(frozen=True, name="b")(layers.Conv2d(4, 3)(x)))
    loss = g.softmax_cross_entropy(layers.Dense(2)(y), labels)
    with Trainer(loss, y, batch=4, backend=backend, optimizer=mpsnn.SGD(0.1)) as trainer:
        before = trainer.state_dict()
        first = trainer.train_step(images, np.array([0, 1, 0, 1])).loss
        for _ in range(10):
            last = trainer.train_step(images, np.array([0, 1, 0, 1])).loss
        after = trainer.state_dict()
        for name in ("b.running_mean", "b.running_var"):
            np.testing.assert_array_equal(before[name], after[name])
        for name in ("b.gamma", "b.beta", "conv2d_1.weight"):
            assert (before[name] != after[name]).any()
        assert last.mean() < first.mean()


@pytest.mark.parametrize("unbiased", [False, True])
def test_running_statistics_are_those_of_each_batch(unbiased: bool, backend: str, rng) -> None:
    images = (3 + 2 * rng.standard_normal((5, 2, 2, 3))).astype(np.float32)
    g = Graph(seed=1)
    x, labels = g.input(2, 2, 3), g.labels(2)
    y = layers.BatchNorm(momentum_keep=0.75, unbiased_running_var=unbiased, name="b")(x)
    loss = g.softmax_cross_entropy(layers.Dense(2)(y), labels)
    mean, variance = np.zeros(3), np.ones(3)
    with Trainer(loss, batch=5, backend=backend) as trainer:
        for count in (5, 2, 1, 4):  # partial batches too
            trainer.train_step(images[:count], np.zeros(count, int))
            pixels = images[:count].reshape(-1, 3).astype(np.float64)
            mean = 0.75 * mean + 0.25 * pixels.mean(axis=0)
            variance = 0.75 * variance + 0.25 * pixels.var(axis=0, ddof=int(unbiased))
        state = trainer.state_dict()
    # A float32 sum of 20 numbers of the size 5
    np.testing.assert_allclose(state["b.running_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(state["b.running_var"], variance, rtol=1e-5)


def test_the_loss_of_a_frozen_batch_norm_is_that_of_inference(backend: str, rng) -> None:
    images = (5 + rng.standard_normal((4, 6))).astype(np.float32)
    g = Graph()
    x = g.input(6)
    loss = g.mean_squared_error(layers.BatchNorm(frozen=True)(x), x)
    with Trainer(loss, batch=4, backend=backend, optimizer=mpsnn.SGD(1e-30)) as trainer:
        expected = trainer.evaluate(images).losses
        np.testing.assert_allclose(trainer.train_step(images).loss, expected, rtol=1e-6, atol=1e-9)


def test_one_element_per_channel_leaves_the_unbiased_variance_finite(backend: str) -> None:
    g = Graph()
    x = g.input(3)
    y = layers.BatchNorm(unbiased_running_var=True, name="b")(x)
    with Trainer(g.mean_squared_error(y, x), batch=4, backend=backend) as trainer:
        trainer.train_step(np.ones((1, 3), np.float32)).wait()
        np.testing.assert_allclose(trainer.state_dict()["b.running_var"], 0.9, rtol=1e-6)


LAYERS: list[tuple[Any, str, tuple[int, ...]]] = [
    (layers.GroupNorm(2), "group_norm", (6, 5, 4)),
    (layers.GroupNorm(None, scale=False), "group_norm", (6, 5, 4)),
    (layers.InstanceNorm(), "group_norm", (6, 5, 4)),
    (layers.LayerNorm(), "layer_norm", (6, 5, 4)),
    (layers.LayerNorm(3, scale=False), "layer_norm", (6, 5, 4)),
    (layers.L2Pool2d(2), "l2_pool2d", (3, 2, 4)),
    (layers.MaxPool2d(2, stride=1, dilation=2), "max_pool2d", (4, 3, 4)),
    (layers.GlobalAvgPool2d(), "mean", (4,)),
    (layers.GlobalMaxPool2d(), "max", (4,)),
]


@pytest.mark.parametrize(("layer", "op", "shape"), LAYERS, ids=str)
def test_a_layer_gives_the_shape_that_it_documents(layer: Any, op: str, shape: Any) -> None:
    g = Graph()
    assert layer(g.input(6, 5, 4)).shape == shape
    assert f" {op}(" in str(g).splitlines()[-1]


def test_layers_own_a_scale_and_a_shift(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(4, 4, 8), g.labels(2)
    y = layers.GroupNorm(4, name="a")(x)
    y = layers.LayerNorm(name="b")(layers.InstanceNorm(trainable=False, name="c")(y))
    loss = g.softmax_cross_entropy(layers.Dense(2)(y), labels)
    with Trainer(loss, batch=4, backend=backend) as trainer:
        before = trainer.state_dict()
        images = rng.standard_normal((4, 4, 4, 8)).astype(np.float32)
        trainer.train_step(images, np.array([0, 1, 0, 1])).wait()
        after = trainer.state_dict()
    assert all(before[f"{n}.gamma"].tolist() == [1] * 8 for n in "abc")
    changed = {name for name in after if (before[name] != after[name]).any()}
    assert {"a.gamma", "b.gamma", "b.beta"} <= changed
    assert not {"c.gamma", "c.beta"} & changed


ERRORS: list[tuple[Any, str]] = [
    (
        lambda g: g.group_norm(g.input(4, 6), groups=4),
        "groups must divide the channels of x (4, 6)",
    ),
    (lambda g: g.group_norm(g.input(4), g.parameter(3), groups=2), "gamma must be (4,) for x (4,)"),
    (lambda g: g.instance_norm(g.input()), "x must be (..., C), got ()"),
    (lambda g: g.layer_norm(g.input(4, 6), axes=3), "axes must be 1 to 2 for x (4, 6), got 3"),
    (
        lambda g: g.layer_norm(g.input(4, 6), None, g.parameter(4)),
        "layer_norm: beta must be (6,) for x (4, 6), got (4,)",
    ),
    (lambda g: g.layer_norm(g.parameter(4)), "layer_norm: x (4,) must have a batch axis"),
    (lambda g: g.cross_channel_norm(g.input(4), 0), "cross_channel_norm: size must be from 1"),
    (lambda g: g.cross_channel_norm(g.input(4), alpha=-1), "alpha must not be negative"),
    (lambda g: g.spatial_norm(g.input(4), 3), "spatial_norm: x must be an image (H, W, C)"),
    (lambda g: g.local_contrast_norm(g.input(4, 4, 1), 3, delta=0), "delta must be greater than 0"),
    (
        lambda g: g.max_pool2d(g.input(1, 4, 1), (2, 1), stride=1, dilation=(3, 1), padding="same"),
        "kernel (2, 1) with dilation (3, 1) misses all pixels of x (1, 4, 1)",
    ),
    (lambda g: g.max_pool2d(g.input(4, 4, 1), 2, dilation=0), "dilation must be from 1"),
    (lambda g: g.l2_pool2d(g.input(4, 4, 1), 5), "kernel (5, 5) does not fit in the padded x"),
    (lambda g: g.global_avg_pool2d(g.input(4)), "global_avg_pool2d: x must be an image (H, W, C)"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_name_the_argument(build: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(Graph())
