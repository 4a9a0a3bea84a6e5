"""Losses against what is written down by hand, and how a trainer takes them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, Trainer, _core, layers

BACKENDS = mpsnn.backend_names()
X = np.array([[0.2, 0.7, 0.4], [0.9, 0.1, 0.5]])
T = np.array([[0.0, 1.0, 0.25], [1.0, 0.5, 0.0]])


def xlogx(t: np.ndarray) -> np.ndarray:
    return t * np.log(np.where(t > 0, t, 1))


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


ELEMENTS: dict[str, Any] = {
    "mean_absolute_error": lambda x, t: abs(x - t),
    "mean_squared_error": lambda x, t: (x - t) ** 2,
    "softmax_cross_entropy": lambda x, t: -t * log_softmax(x),
    "sigmoid_cross_entropy": lambda x, t: np.log(1 + np.exp(x)) - x * t,
    "categorical_cross_entropy": lambda x, t: -t * np.log(x),
    "hinge_loss": lambda x, t: np.maximum(1 - (2 * t - 1) * x, 0),
    "huber_loss": lambda x, t: np.where(
        abs(x - t) <= 0.4, (x - t) ** 2 / 2, 0.4 * (abs(x - t) - 0.2)
    ),
    "log_loss": lambda x, t: -t * np.log(x + 1e-7) - (1 - t) * np.log(1 - x + 1e-7),
    "kl_divergence": lambda x, t: xlogx(t) - t * x,
}


def run(
    kind: str, backend: str, weights: np.ndarray | None = None, **options: Any
) -> list[np.ndarray]:
    """The loss and its gradient by x, (3,) for two images."""
    g = Graph()
    x, labels = g.input(3), g.labels(3, weights="element" if weights is not None else "image")
    loss = getattr(g, kind)(x, labels, **options)
    head = loss if loss.shape == () else g.reduce_sum(loss)
    (dx,) = _core.add_gradients(g.core, head.id, [x.id])
    exe = _core.compile(g.core, batch=2, outputs=[loss.id, dx], backend=backend)
    dtype = np.float64 if backend == "reference" else np.float32
    bound = [(x.id, X.astype(dtype)), (labels.id, T.astype(np.float32))]
    if weights is not None:
        bound.append((labels.states["weights"].id, weights.astype(np.float32)))
    return exe.run(2, bound, [loss.id, dx])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ELEMENTS)
def test_elements_are_as_written_down(kind: str, backend: str) -> None:
    options = {"delta": 0.4} if kind == "huber_loss" else {}
    loss, _ = run(kind, backend, reduction="none", **options)
    np.testing.assert_allclose(loss, ELEMENTS[kind](X, T), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["mean_squared_error", "softmax_cross_entropy"])
@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_by_nonzero_weights"])
def test_reductions(kind: str, backend: str, reduction: str) -> None:
    weights = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    elements = 0.5 * weights * ELEMENTS[kind](X, T)
    by: Any = {"sum": 1, "mean": 1 if "softmax" in kind else 3, "sum_by_nonzero_weights": [2, 1]}
    loss, dx = run(kind, backend, weights, reduction=reduction, weight=0.5)
    np.testing.assert_allclose(loss, elements.sum(1) / by[reduction], rtol=1e-5)
    assert not dx[1].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_per_image_weigh_a_mean_by_nonzero_weights_only_by_their_size(backend: str) -> None:
    g = Graph()
    x, labels = g.input(3), g.labels(3)
    loss = g.mean_squared_error(x, labels, reduction="sum_by_nonzero_weights")
    exe = _core.compile(g.core, batch=2, outputs=[loss.id], backend=backend)
    dtype = np.float64 if backend == "reference" else np.float32
    weights = labels.states["weights"].id
    bound = [(x.id, X.astype(dtype)), (labels.id, T.astype(np.float32))]
    (loss_,) = exe.run(2, [*bound, (weights, np.array([3, 0], np.float32))], [loss.id])
    np.testing.assert_allclose(loss_, [3 * ((X - T) ** 2)[0].mean(), 0], rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_cosine_distance_starts_at_one(backend: str) -> None:
    loss, dx = run("cosine_distance", backend)
    np.testing.assert_allclose(loss, 1 - (X * T).sum(1), rtol=1e-5)
    np.testing.assert_allclose(dx, -T / 2, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_strict_mps_divides_no_gradient_and_takes_labels_to_sum_to_one(backend: str) -> None:
    loss, dx = run("softmax_cross_entropy", backend, strict_mps=True, weight=3.0)
    np.testing.assert_allclose(loss, (3 * ELEMENTS["softmax_cross_entropy"](X, T)).sum(1), 1e-5)
    np.testing.assert_allclose(dx, 3 * (np.exp(log_softmax(X)) - T) / 2, rtol=1e-5)
    _, dx = run("mean_squared_error", backend, strict_mps=True)
    np.testing.assert_allclose(dx, 2 * (X - T) / 2, rtol=1e-5)
    _, dx = run("mean_squared_error", backend)
    np.testing.assert_allclose(dx, 2 * (X - T) / 2 / 3, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_logits_of_any_size_have_a_finite_loss(backend: str) -> None:
    for kind in ("softmax_cross_entropy", "sigmoid_cross_entropy"):
        g = Graph()
        x, labels = g.input(2), g.labels(2)
        loss = getattr(g, kind)(x, labels)
        (dx,) = _core.add_gradients(g.core, loss.id, [x.id])
        exe = _core.compile(g.core, batch=1, outputs=[loss.id, dx], backend=backend)
        large = np.array([[1e30, -1e30]], np.float64 if backend == "reference" else np.float32)
        out = exe.run(1, [(x.id, large), (labels.id, np.ones((1, 2), np.float32))], [loss.id, dx])
        assert all(np.isfinite(a).all() for a in out), kind


class Net:
    """One dense layer, trained by `loss(graph, y, x)`."""

    def __init__(self, backend: str, loss: Any, **options: Any) -> None:
        g = Graph(seed=3)
        self.x = g.input(3)
        y = layers.Dense(3, name="d")(self.x)
        self.trainer = Trainer(
            loss(g, y, self.x), y, optimizer=mpsnn.SGD(0.1), batch=4, backend=backend, **options
        )

    def weights_after_a_step(self, images: np.ndarray) -> np.ndarray:
        with self.trainer as trainer:
            trainer.train_step(images).wait()
            return trainer.state_dict()["d.weight"].astype(np.float64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_autoencoder_needs_no_labels(backend: str, rng) -> None:
    images = rng.standard_normal((4, 3)).astype(np.float32)
    net = Net(backend, lambda g, y, x: g.mean_squared_error(y, x))
    with net.trainer as trainer:
        first = trainer.evaluate(images)
        assert first.accuracy is None
        for _ in range(20):
            step = trainer.train_step(images)
        assert step.loss.shape == (4,)
        assert trainer.evaluate(images).loss < first.loss
        with pytest.raises(ShapeError, match="labels: the graph has none"):
            trainer.train_step(images, np.zeros(4, np.int32))
        with pytest.raises(ShapeError, match="weights: given without labels"):
            trainer.train_step(images, weights=np.ones(4, np.float32))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("images", [4, 3])
def test_a_loss_of_the_batch_trains_as_its_mean(backend: str, images: int, rng) -> None:
    batch = rng.standard_normal((images, 3)).astype(np.float32)
    per_image = Net(backend, lambda g, y, x: g.mean_squared_error(y, x))
    of_batch = Net(backend, lambda g, y, x: g.mean_squared_error(y, x, reduce_across_batch=True))
    summed = Net(
        backend,
        lambda g, y, x: g.mean_squared_error(
            y, x, reduction="sum", weight=1 / 3 / images, reduce_across_batch=True
        ),
    )
    expected = per_image.trainer.evaluate(batch)
    got = of_batch.trainer.evaluate(batch)
    np.testing.assert_allclose(got.losses, np.full(images, expected.loss), rtol=1e-6)
    step = of_batch.trainer.train_step(batch)
    assert step.loss.shape == ()
    np.testing.assert_allclose(step.loss, expected.loss, rtol=1e-6)
    per_image.trainer.train_step(batch).wait()
    weights = [n.trainer.state_dict()["d.weight"] for n in (per_image, of_batch)]
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)
    np.testing.assert_allclose(weights[0], summed.weights_after_a_step(batch), rtol=1e-6)


def test_a_loss_of_the_batch_that_is_not_finite_stops_the_step(rng) -> None:
    net = Net("cpu", lambda g, y, x: g.mean_squared_error(y, x, reduce_across_batch=True))
    with net.trainer as trainer:
        before = trainer.state_dict()
        huge = np.full((4, 3), 1e30, np.float32)
        with pytest.raises(mpsnn.NumericError, match="loss: the batch has loss inf"):
            trainer.train_step(huge).wait()
        np.testing.assert_array_equal(before["d.weight"], trainer.state_dict()["d.weight"])


def test_evaluation_of_a_batch_loss_over_several_batches(rng) -> None:
    images = rng.standard_normal((10, 3)).astype(np.float32)
    net = Net("cpu", lambda g, y, x: g.mean_squared_error(y, x, reduce_across_batch=True))
    with net.trainer as trainer:
        losses = trainer.evaluate(images).losses
        assert losses.shape == (10,)
        assert len(set(losses[:4])) == len(set(losses[4:8])) == len(set(losses[8:])) == 1
        assert len(set(losses)) == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_class_indices_per_pixel(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(2, 3, 4), g.labels(2, 3, 4)
    loss = g.softmax_cross_entropy(layers.Conv2d(4, 1)(x), labels)
    images = rng.standard_normal((2, 2, 3, 4)).astype(np.float32)
    index = rng.integers(0, 4, (2, 2, 3))
    with Trainer(loss, batch=2, backend=backend) as trainer:
        by_index = trainer.evaluate(images, index).losses
        one_hot = np.eye(4, dtype=np.float32)[index]
        np.testing.assert_array_equal(by_index, trainer.evaluate(images, one_hot).losses)
        index[1, 0, 2] = 4
        with pytest.raises(ShapeError, match="class must be 0 to 3, got 4 at image 1"):
            trainer.evaluate(images, index)
        with pytest.raises(ShapeError, match=re.escape("labels: must be (N, 2, 3), got (2, 3)")):
            trainer.evaluate(images, index[:, 0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_labels_are_bound_by_name(backend: str, rng) -> None:
    g = Graph()
    x = g.input(5)
    kind, size = g.labels(3, name="kind"), g.labels(2, weights="element", name="size")
    logits, sides = layers.Dense(3)(x), layers.Dense(2)(x)
    loss = g.add(g.softmax_cross_entropy(logits, kind), g.mean_squared_error(sides, size))
    images = rng.standard_normal((2, 5)).astype(np.float32)
    kinds, sizes = np.array([0, 2]), rng.standard_normal((2, 2)).astype(np.float32)
    with Trainer(loss, (logits, sides), batch=2, backend=backend) as trainer:
        both = trainer.evaluate(images, {kind: kinds, "size": sizes})
        mask = np.array([[1, 0], [1, 0]], np.float32)
        weighed = {kind: kinds, "size": mpsnn.LossLabels(sizes, mask)}
        one = trainer.evaluate(images, weighed)
        missing = ((both.outputs[1] - sizes) ** 2)[:, 1] / 2
        np.testing.assert_allclose(both.losses - one.losses, missing, rtol=1e-4, atol=1e-6)
        trainer.train_step(images, weighed).wait()
        for labels, message in [
            ({"sizes": sizes}, "'sizes' is none of this graph; they are kind, size"),
            ({kind: kinds}, "labels: 'size' is not bound"),
            (
                {kind: kinds, size: np.ones((2, 3), np.float32)},
                r"labels\['size'\]: must be \(N, 2\)",
            ),
            (kinds, "labels: the graph has several"),
            (None, "labels: 'kind' is not bound"),
        ]:
            with pytest.raises(ShapeError, match=message):
                trainer.train_step(images, labels)
        with pytest.raises(ShapeError, match=r"weights\['size'\]: must be \(N, 2\)"):
            trainer.train_step(
                images, {kind: kinds, size: mpsnn.LossLabels(sizes, np.ones(2, np.float32))}
            )
