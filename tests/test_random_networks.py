"""Networks that nobody thought of: what passes and fused kernels make of them, against the reference."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, NumericError, ShapeError, Trainer, Value, layers

pytestmark = pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="compares two backends")

NEURONS = [
    "sigmoid",
    "tanh",
    "gelu",
    "silu",
    "softplus",
    "elu",
    "hard_sigmoid",
    "leaky_relu",
    "abs",
    "softsign",
    "relu6",
]
LOSSES = ["softmax_cross_entropy", "mean_squared_error", "huber_loss", "sigmoid_cross_entropy"]


def divisor(r: random.Random, n: int) -> int:
    return r.choice([d for d in range(1, n + 1) if n % d == 0])


def constant(g: Graph, *shape: int) -> Value:
    source = mpsnn.InitializerSource(weight=mpsnn.Constant(0.3))
    return g.parameter(*shape, source=source)


def gated(x: Value) -> Value:
    g, channels = x.graph, x.shape[-1]
    return x * g.reshape(g.sigmoid(layers.Dense(channels)(x)), 1, 1, channels)


STEPS: list[Callable[[random.Random, Value], Value]] = [
    lambda r, x: layers.Conv2d(
        r.choice([1, 4, 8, 13]),
        r.choice([1, 2, 3]),
        stride=r.choice([1, 2]),
        padding=r.choice(["same", "valid", 1]),
        bias=r.random() < 0.5,
    )(x),
    lambda r, x: layers.ConvTranspose2d(r.choice([2, 5]), 3, stride=r.choice([1, 2]))(x),
    lambda r, x: layers.DepthwiseConv2d(3, multiplier=r.choice([1, 2]))(x),
    lambda r, x: layers.BatchNorm(frozen=r.random() < 0.4)(x),
    lambda r, x: layers.BatchNorm()(x),
    lambda r, x: x.graph.matrix_to_image(
        r.choice([layers.LSTM, layers.GRU, layers.RNN])(r.choice([1, 5]), reverse=r.random() < 0.5)(
            x.graph.image_to_matrix(x, r.choice(["rows", "columns"]))
        )
    ),
    lambda r, x: layers.GroupNorm(divisor(r, x.shape[-1]))(x),
    lambda r, x: layers.LayerNorm(2)(x),
    lambda r, x: x.graph.relu(x),
    lambda r, x: layers.Activation(r.choice(NEURONS))(x),
    lambda r, x: layers.PReLU()(x),
    lambda r, x: layers.MaxPool2d(2, stride=r.choice([1, 2]))(x),
    lambda r, x: layers.AvgPool2d(3, stride=1, padding="same")(x),
    lambda r, x: layers.L2Pool2d(2, stride=1)(x),
    lambda r, x: x + 0.5 * x,
    lambda r, x: x * constant(x.graph, x.shape[-1]) + constant(x.graph, x.shape[0], 1, 1),
    lambda r, x: gated(x),
    lambda r, x: x @ constant(x.graph, x.shape[-1], 4),
    lambda r, x: x.graph.dropout(x, 0.3, r.choice([None, (0, 0, 1), (1, 1, 0)])),
    lambda r, x: x.graph.pad(x, (1, 0, 0), (0, 1, 0), r.choice(["constant", "clamp", "mirror"])),
    lambda r, x: x.graph.resize_bilinear(x, r.randint(2, 8), r.randint(2, 8)),
    lambda r, x: x.graph.transpose(x[1:], 1, 0, 2),
    lambda r, x: x.graph.softmax(x),
    lambda r, x: x.graph.cross_channel_norm(x, 3, alpha=0.1, beta=0.75),
]


def network(seed: int) -> tuple[Value, Value, Value]:
    """Input, loss and logits; values are read again by later concats."""
    r = random.Random(seed)
    g = Graph(seed=seed)
    x = g.input(r.randint(4, 9), r.randint(4, 9), r.choice([1, 3, 8, 16]))
    made = [x]
    for _ in range(r.randint(2, 8)):
        y = r.choice(made[-2:])
        others = [v for v in made if v.shape[:2] == y.shape[:2]]
        try:
            next_ = g.concat(others[-3:]) if r.random() < 0.2 else r.choice(STEPS)(r, y)
        except ShapeError:  # a window that does not fit
            continue
        if np.prod(next_.shape) < 4000:
            made.append(next_)
    logits, labels = layers.Dense(4)(made[-1]), g.labels(4)
    options: Any = {"reduce_across_batch": r.random() < 0.2}
    return x, getattr(g, r.choice(LOSSES))(logits, labels, **options), logits


def run(seed: int, backend: str, images: int) -> list[np.ndarray]:
    x, loss, logits = network(seed)
    rng = np.random.default_rng(seed)
    batch = rng.standard_normal((images, *x.shape)).astype(np.float32)
    classes = rng.integers(0, 4, images)
    with Trainer(
        loss, logits, batch=4, backend=backend, optimizer=mpsnn.SGD(0.01), seed=seed
    ) as trainer:
        losses = [trainer.train_step(batch, classes).loss for _ in range(2)]
        return [*losses, trainer.infer(batch), *trainer.state_dict().values()]


@pytest.mark.parametrize("first", range(0, 120, 10))
def test_random_networks_train_as_on_the_reference(first: int) -> None:
    compared = 0
    for seed in range(first, first + 10):
        results = []
        for backend in ("cpu", "reference"):
            try:
                results.append(run(seed, backend, images=3 + seed % 2))
            except NumericError:  # such a network diverges
                results.append([])
        assert bool(results[0]) == bool(results[1]), seed
        compared += bool(results[0])
        for ours, reference in zip(*results, strict=True):
            # Two steps of float32, through normalizations that magnify a rounding error.
            scale = max(float(np.abs(reference).max()), 1e-3)
            np.testing.assert_allclose(
                ours, reference, rtol=0, atol=2e-3 * scale, err_msg=f"network {seed}"
            )
    assert compared > 5
