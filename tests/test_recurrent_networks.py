"""Networks in which values go past a sequence, where metal cuts the graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Trainer, Value, layers

Network = Callable[[Graph, Value], Value]


def lstm(x: Value) -> Value:
    return layers.LSTM(4, return_sequences=True)(x)


def residual(g: Graph, x: Value) -> Value:
    h = g.relu(layers.Conv1d(4, 3)(x))
    return g.add(h, lstm(h))


def residual_of_the_input(g: Graph, x: Value) -> Value:
    return g.add(x, lstm(x))


def two_residuals_and_one_past_both(g: Graph, x: Value) -> Value:
    h = layers.Conv1d(4, 3)(x)
    a = lstm(h)
    b = layers.GRU(4, return_sequences=True)(g.add(a, h))
    return g.add(g.add(b, h), a)


def gate(g: Graph, x: Value) -> Value:
    h = layers.Conv1d(4, 3)(x)
    return g.multiply(g.sigmoid(h), lstm(h))


def gate_past_two(g: Graph, x: Value) -> Value:
    h = layers.Conv1d(4, 3)(x)
    return g.multiply(g.tanh(lstm(lstm(h))), g.relu(h))


def concat(g: Graph, x: Value) -> Value:
    h = layers.Conv1d(4, 3)(x)
    return g.concat([h, layers.LSTM(8, return_sequences=True)(h)], axis=-1)


def last_step_and_all(g: Graph, x: Value) -> Value:
    h = layers.Conv1d(4, 3)(x)
    pooled = layers.GlobalAvgPool1d()(h)
    return g.add(g.reshape(pooled, 4), layers.LSTM(4)(h))


def directions(_: Graph, x: Value) -> Value:
    return layers.LSTM(3, bidirectional="concat", layers=2, return_sequences=True)(x)


NETWORKS: list[Network] = [
    residual,
    residual_of_the_input,
    two_residuals_and_one_past_both,
    gate,
    gate_past_two,
    concat,
    last_step_and_all,
    directions,
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda f: f.__name__)
def test_values_go_past_a_sequence(
    network: Network, backend: str, rng: np.random.Generator
) -> None:
    images = rng.standard_normal((8, 6, 4)).astype(np.float32)
    classes = rng.integers(0, 3, 8)

    def trained(name: str) -> list[np.ndarray]:
        g = Graph(seed=1)
        x, label = g.input(6, 4), g.labels(3)
        logits = layers.Dense(3)(network(g, x))
        loss = g.softmax_cross_entropy(logits, label)
        with Trainer(loss, logits, batch=8, backend=name, optimizer=mpsnn.SGD(0.1)) as trainer:
            losses = [trainer.train_step(images[i:], classes[i:]).loss for i in range(3)]
            return [*losses, trainer.infer(images), *trainer.state_dict().values()]

    for found, expected in zip(trained(backend), trained("reference"), strict=True):
        # float32 sums of up to 72 products, in three steps of training
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
