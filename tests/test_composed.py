"""Ops that are graphs of others, against numpy, and their gradients."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from case import Case
from gradients import check_gradients
from harness import Runner

import mpsnn
from mpsnn import Graph, ShapeError, Trainer, layers


def infer(backend: str, build: Any, *arrays: np.ndarray) -> np.ndarray:
    g = Graph()
    inputs = [g.input(*a.shape[1:], name=f"x{i}") for i, a in enumerate(arrays)]
    y = build(g, *inputs)
    loss = g.reduce_mean(layers.Dense(1)(y))
    with Trainer(loss, y, batch=len(arrays[0]), backend=backend) as trainer:
        bound: Any = {f"x{i}": a.astype(np.float32) for i, a in enumerate(arrays)}
        result: np.ndarray = trainer.infer(bound)
        return result


def test_depth_to_space_and_back(backend: str, rng) -> None:
    x = rng.standard_normal((2, 3, 4, 12)).astype(np.float32)
    expected = x.reshape(2, 3, 4, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 6, 8, 3)
    np.testing.assert_array_equal(infer(backend, lambda g, x: g.depth_to_space(x, 2), x), expected)
    back = infer(backend, lambda g, x: g.space_to_depth(x, 2), expected)
    np.testing.assert_array_equal(back, x)


def test_an_image_becomes_a_sequence_and_back(backend: str, rng) -> None:
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    columns = x.transpose(0, 2, 1, 3).reshape(2, 4, 15)
    ours = infer(backend, lambda g, x: g.image_to_matrix(x), x)
    np.testing.assert_array_equal(ours, columns)
    ours = infer(backend, lambda g, x: g.image_to_matrix(x, "rows"), x)
    np.testing.assert_array_equal(ours, x.reshape(2, 3, 20))
    for steps in ("columns", "rows"):
        again = infer(
            backend,
            lambda g, x, s=steps: g.matrix_to_image(g.image_to_matrix(x, s), 5, s),
            x,
        )
        np.testing.assert_array_equal(again, x)
    g = Graph()
    row = g.input(1, 6, 2)
    g.matrix_to_image(g.image_to_matrix(row))
    ops = [node.op for node in mpsnn._core.nodes(g.core)]
    assert ops == ["input", "reshape", "reshape"], "one row: the same memory"


def test_convolution_recurrent_layer_and_convolution_are_one_graph(backend: str) -> None:
    """Learns in which half of the columns an image is bright."""
    rng = np.random.default_rng(2)
    g = Graph(seed=1)
    x, label = g.input(4, 8, 1), g.labels(2)
    y = g.relu(layers.Conv2d(3, 3)(x))
    y = g.matrix_to_image(layers.LSTM(6)(g.image_to_matrix(y)), 3)
    logits = layers.Dense(2)(g.global_avg_pool2d(g.relu(layers.Conv2d(5, 3)(y))))
    trainer = Trainer(
        g.softmax_cross_entropy(logits, label), logits,
        batch=16, backend=backend, optimizer=mpsnn.Adam(0.02),
    )  # fmt: skip

    def batch(n: int) -> tuple[np.ndarray, np.ndarray]:
        half = rng.integers(0, 2, n)
        images = rng.normal(size=(n, 4, 8, 1)).astype(np.float32)
        for image, right in zip(images, half, strict=True):
            image[:, 4 * right : 4 * right + 4] += 0.7
        return images, half

    for _ in range(80):
        trainer.train_step(*batch(16))
    assert trainer.evaluate(*batch(200)).accuracy > 0.9


def test_local_correlation(backend: str, rng) -> None:
    a, b = rng.standard_normal((2, 2, 5, 6, 3))
    around = np.pad(b, ((0, 0), (1, 1), (4, 4), (0, 0)))
    expected = np.stack(
        [
            (a * around[:, 1 + i : 6 + i, 4 + j : 10 + j]).sum(-1)
            for i in (-1, 0, 1)
            for j in (-4, -2, 0, 2, 4)
        ],
        -1,
    )
    ours = infer(backend, lambda g, a, b: g.local_correlation(a, b, (1, 2), stride=(1, 2)), a, b)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_lanczos_keeps_what_is_flat_and_cuts_what_is_fine(backend: str) -> None:
    flat = np.full((1, 9, 8, 1), 3.0)
    for size in ((9, 8), (4, 3), (20, 17)):
        ours = infer(backend, lambda g, x, s=size: g.resize_lanczos(x, *s), flat)
        np.testing.assert_allclose(ours, np.full((1, *size, 1), 3.0), rtol=1e-5)
    rows, columns = np.indices((9, 8))
    ramp = (rows + 10.0 * columns)[None, :, :, None]
    same = infer(backend, lambda g, x: g.resize_lanczos(x, 9, 8), ramp)
    np.testing.assert_allclose(same, ramp, rtol=1e-5, atol=1e-5)
    stripes = np.where(np.indices((12, 12))[1] % 2, 1.0, -1.0)[None, :, :, None]
    halved = infer(backend, lambda g, x: g.resize_lanczos(x, 6, 6), stripes)
    assert abs(halved[:, 1:-1, 2:-2]).max() < 0.1  # too fine for the smaller image


BUILDS: list[tuple[Any, tuple[tuple[int, ...], ...]]] = [
    (lambda g, x: g.depth_to_space(x, 2), ((2, 2, 8),)),
    (lambda g, x: g.space_to_depth(x, 3), ((3, 6, 1),)),
    (lambda g, a, b: g.local_correlation(a, b, 1), ((3, 2, 2), (3, 2, 2))),
]


@pytest.mark.parametrize(("build", "images"), BUILDS)
def test_their_gradients_match_finite_differences(build: Any, images: Any, rng) -> None:
    run = Runner(Case("composed", build, images), "reference")
    labels, at = run.bindings(rng), run.data(Case("composed", build, images), rng)
    _, _, *gradients = run(labels, *at)
    check_gradients(lambda *arrays: float(run(labels, *arrays)[0].mean()), gradients, at, rng=rng)


def test_a_lanczos_filter_is_not_trained(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(6, 6, 1), g.labels(2)
    small = g.resize_lanczos(layers.Conv2d(2, 3)(x), 3, 3)
    loss = g.softmax_cross_entropy(layers.Dense(2)(small), labels)
    with Trainer(loss, batch=2, backend=backend, optimizer=mpsnn.SGD(0.5)) as trainer:
        before = trainer.state_dict()
        images = rng.standard_normal((2, 6, 6, 1)).astype(np.float32)
        trainer.train_step(images, np.array([0, 1])).wait()
        after = trainer.state_dict()
    name = "resize_lanczos_1.rows"
    np.testing.assert_array_equal(before[name], after[name])
    assert (before["conv2d_1.weight"] != after["conv2d_1.weight"]).any()


ERRORS: list[tuple[Any, str]] = [
    (lambda g: g.depth_to_space(g.input(2, 2, 6), 2), "block 2 squared must divide the channels"),
    (lambda g: g.space_to_depth(g.input(3, 4, 1), 2), "block 2 must divide height and width"),
    (
        lambda g: g.space_to_depth(g.input(4), 2),
        "x must be an image (H, W, C), float32, got Value(",
    ),
    (
        lambda g: g.local_correlation(g.input(2, 2, 1), g.input(2, 3, 1), 1),
        "local_correlation: b must be (2, 2, 1) as a, float32, got Value(",
    ),
    (lambda g: g.resize_lanczos(g.input(2, 2, 1), 0, 3), "resize_lanczos: height must be from 1"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_leave_the_graph_alone(build: Any, message: str) -> None:
    g = Graph()
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(g)
    assert all(" input(" in line or not line for line in str(g).splitlines())
