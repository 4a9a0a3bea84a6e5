"""Update rules against their equations, in float64, for ten steps."""

from __future__ import annotations

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError


def sgd(w, g, s, t, rate, momentum=0.0, nesterov=False):
    if momentum == 0:
        return w - rate * g
    if nesterov:
        s["m"] = momentum * s.get("m", 0) + g
        return w - rate * (g + momentum * s["m"])
    s["m"] = momentum * s.get("m", 0) + rate * g
    return w - s["m"]


def rmsprop(w, g, s, t, rate, decay=0.9, epsilon=1e-8):
    s["s"] = decay * s.get("s", 0) + (1 - decay) * g**2
    return w - rate * g / (np.sqrt(s["s"]) + epsilon)


def adam(w, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
    rate = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * s["m"] / (np.sqrt(s["v"]) + epsilon)


RULES = [
    (mpsnn.SGD(0.1), sgd, {"rate": 0.1}),
    (mpsnn.SGD(0.1, momentum=0.9), sgd, {"rate": 0.1, "momentum": 0.9}),
    (mpsnn.SGD(0.1, momentum=0.8, nesterov=True), sgd,
     {"rate": 0.1, "momentum": 0.8, "nesterov": True}),
    (mpsnn.RMSProp(0.01, decay=0.95, epsilon=1e-3), rmsprop,
     {"rate": 0.01, "decay": 0.95, "epsilon": 1e-3}),
    (mpsnn.Adam(0.01), adam, {"rate": 0.01}),
    (mpsnn.Adam(0.02, beta1=0.8, beta2=0.99, epsilon=1e-4), adam,
     {"rate": 0.02, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4}),
]  # fmt: skip

CLASSES = 33  # not a multiple of any vector


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("optimizer", "rule", "options"), RULES, ids=[str(r[0]) for r in RULES])
def test_ten_steps_follow_the_equations(optimizer, rule, options, backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(5), g.labels(CLASSES)
    start = rng.standard_normal((CLASSES, 5)).astype(np.float32)
    weight = g.parameter(CLASSES, 5, source=mpsnn.ArraySource(weight=start), name="weight")
    loss = g.softmax_cross_entropy(g.dense(x, weight), labels)
    trainer = mpsnn.Trainer(loss, optimizer=optimizer, batch=8, backend=backend)

    expected, state = start.astype(np.float64), {}
    for t in range(1, 11):
        images = rng.standard_normal((8, 5)).astype(np.float32)
        classes = rng.integers(CLASSES, size=8)
        trainer.train_step(images, classes)
        error = softmax(images @ expected.T) - np.eye(CLASSES)[classes]
        expected = rule(expected, error.T @ images / 8, state, t, **options)
    got = trainer.state_dict()["weight"]
    # Ten float32 steps of 1e-7 relative each; RMSProp and Adam divide small gradients by
    # their own size, which raises an error of 1e-7 in them to the step's size.
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)
    assert np.abs(expected - start).max() > 0.02


def test_learning_rate_changes_without_another_graph(backend: str) -> None:
    g = Graph()
    weight = g.parameter(2, 1, source=mpsnn.ArraySource(weight=np.zeros((2, 1), np.float32)))
    loss = g.softmax_cross_entropy(g.dense(g.input(1), weight), g.labels(2))
    trainer = mpsnn.Trainer(loss, optimizer=mpsnn.SGD(1.0), batch=1, backend=backend)
    one, zero = np.ones((1, 1), np.float32), np.zeros(1, np.int32)
    trainer.learning_rate = 0.0
    trainer.train_step(one, zero).wait()
    np.testing.assert_array_equal(trainer.state_dict()[weight.label], 0)
    trainer.learning_rate = 2.0
    trainer.train_step(one, zero).wait()
    np.testing.assert_allclose(trainer.state_dict()[weight.label].ravel(), [1, -1])
    with pytest.raises(ShapeError, match="learning_rate: must be finite and not negative, got -1"):
        trainer.learning_rate = -1.0
