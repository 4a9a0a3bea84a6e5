"""Reductions: positions as integers, ties, NaN, and long sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, _core, layers

CALLS = {
    "min": Graph.reduce_min,
    "max": Graph.reduce_max,
    "argmin": Graph.argmin,
    "argmax": Graph.argmax,
}


def run(build: Any, backend: str, x: np.ndarray) -> np.ndarray:
    g = Graph()
    value = g.input(*x.shape[1:])
    y = build(g, value)
    exe = _core.compile(g.core, batch=len(x), outputs=[y.id], backend=backend)
    return exe.run(len(x), [(value.id, x)], [y.id])[0]


@pytest.mark.parametrize("kind", ["argmin", "argmax"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, None], ids=str)
def test_positions_are_those_of_numpy(kind: str, axis: Any, backend: str, rng) -> None:
    x = rng.integers(0, 4, (3, 4, 9, 65)).astype(np.float32)  # with many ties: the first wins
    y = run(lambda g, v: CALLS[kind](g, v, axis), backend, x)
    expected = np.stack([getattr(np, kind)(image, axis) for image in x])
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, expected)


def test_a_position_along_two_axes_is_row_major(backend: str, rng) -> None:
    x = rng.standard_normal((2, 4, 5, 3)).astype(np.float32)
    y = run(lambda g, v: g.argmax(v, (0, 2), keep_axes=True), backend, x)
    expected = x.transpose(0, 2, 1, 3).reshape(2, 5, 12).argmax(-1)
    np.testing.assert_array_equal(y, expected[:, None, :, None])


@pytest.mark.parametrize("kind", ["min", "max", "argmin", "argmax"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_nan_wins(kind: str, axis: int, backend: str, rng) -> None:
    x = rng.standard_normal((2, 40, 30)).astype(np.float32)
    x[0, 7, 3] = x[0, 9, 3] = x[1, 5, 5] = x[1, 5, 9] = np.nan
    y = run(lambda g, v: CALLS[kind](g, v, axis), backend, x)
    expected = np.stack([getattr(np, kind)(image, axis) for image in x])
    np.testing.assert_array_equal(y, expected)


def test_the_gradient_goes_to_the_first_of_equal_ones(backend: str) -> None:
    for reduce in (Graph.reduce_max, Graph.reduce_min):
        g = Graph()
        x = g.input(2, 3)
        loss = reduce(g, x)
        (gradient,) = _core.add_gradients(g.core, loss.id, [x.id])
        exe = _core.compile(g.core, batch=1, outputs=[gradient], backend=backend)
        (dx,) = exe.run(1, [(x.id, np.ones((1, 2, 3), np.float32))], [gradient])
        np.testing.assert_array_equal(dx[0], [[1, 0, 0], [0, 0, 0]])


def test_infinities_are_found(backend: str) -> None:
    x = np.full((1, 3, 300), -np.inf, np.float32)
    np.testing.assert_array_equal(run(lambda g, v: g.argmax(v), backend, x), np.zeros((1, 3)))
    np.testing.assert_array_equal(run(lambda g, v: g.reduce_max(v), backend, x), [-np.inf])
    x[0, 1, 299] = np.inf
    np.testing.assert_array_equal(run(lambda g, v: g.argmax(v), backend, x), [[0, 299, 0]])


@pytest.mark.parametrize("axis", [(0, 1), 1, None], ids=str)
def test_a_long_sum_keeps_its_digits(axis: Any, backend: str) -> None:
    """A float32 that is added to one by one is wrong by 1e-4 here."""
    x = np.full((1, 400, 500, 2), 0.1, np.float32)
    y = run(lambda g, v: g.reduce_mean(v, axis), backend, x)
    np.testing.assert_allclose(y, np.float32(0.1), rtol=1e-6)


def test_infer_gives_positions_as_integers(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(5), g.labels(4)
    logits = layers.Dense(4)(x)
    best = g.argmax(logits)
    loss = g.softmax_cross_entropy(logits, labels)
    images = rng.standard_normal((11, 5)).astype(np.float32)
    with mpsnn.Trainer(loss, [logits, best], batch=4, backend=backend) as trainer:
        values, positions = trainer.infer(images)
        evaluation = trainer.evaluate(images, rng.integers(0, 4, 11))
    assert values.dtype == np.float32
    assert positions.dtype == np.int32
    assert best.dtype == "int32"
    np.testing.assert_array_equal(positions, values.argmax(-1))
    np.testing.assert_array_equal(evaluation.outputs[1], positions)


def test_a_mean_over_the_image_can_be_trained(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(6, 6, 1), g.labels(3)
    y = g.reduce_mean(g.relu(layers.Conv2d(8, 3)(x)), (0, 1))
    loss = g.softmax_cross_entropy(layers.Dense(3)(y), labels)
    images = rng.standard_normal((12, 6, 6, 1)).astype(np.float32)
    classes = np.arange(12) % 3
    images += classes[:, None, None, None].astype(np.float32)
    with mpsnn.Trainer(loss, batch=12, backend=backend, optimizer=mpsnn.Adam(0.03)) as trainer:
        losses = [float(trainer.train_step(images, classes).loss.mean()) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
