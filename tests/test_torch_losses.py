"""Losses against PyTorch, in float64 there and float32 on the cpu backend here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpsnn import Graph

torch = pytest.importorskip("torch")
from torch.nn import functional as F
from torch_parity import compare

SHAPES = [(6,), (3, 4, 5), (2, 1)]


def mean(loss: Any) -> Any:
    """Of each image."""
    return loss.flatten(1).mean(1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Graph.mean_absolute_error, F.l1_loss),
        (Graph.mean_squared_error, F.mse_loss),
        (Graph.huber_loss, F.huber_loss),
        (Graph.kl_divergence, F.kl_div),
    ],
    ids=lambda f: f.__name__,
)
def test_elementwise(ours: Any, theirs: Any, shape: tuple[int, ...], rng) -> None:
    x, t = rng.standard_normal((4, *shape)), rng.uniform(0.1, 3, (4, *shape))
    compare(ours, lambda x, t: mean(theirs(x, t, reduction="none")), [x, t], is_loss=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sigmoid_cross_entropy(shape: tuple[int, ...], rng) -> None:
    x, t = 5 * rng.standard_normal((4, *shape)), rng.uniform(0, 1, (4, *shape))
    compare(
        Graph.sigmoid_cross_entropy,
        lambda x, t: mean(F.binary_cross_entropy_with_logits(x, t, reduction="none")),
        [x, t],
        is_loss=True,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_log_loss(shape: tuple[int, ...], rng) -> None:
    x, t = rng.uniform(0.05, 0.95, (4, *shape)), rng.uniform(0, 1, (4, *shape))
    compare(
        lambda g, x, t: g.log_loss(x, t, epsilon=1e-12),
        lambda x, t: mean(-t * torch.log(x) - (1 - t) * torch.log(1 - x)),
        [x, t],
        is_loss=True,
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
@pytest.mark.parametrize("shape", [(7,), (1,), (3, 2, 5)], ids=str)
def test_softmax_cross_entropy(shape: tuple[int, ...], smoothing: float, rng) -> None:
    x = 3 * rng.standard_normal((4, *shape))
    t = rng.dirichlet(np.ones(shape[-1]), (4, *shape[:-1]))

    def theirs(x: Any, t: Any) -> Any:
        rows = F.cross_entropy(
            x.flatten(0, -2), t.flatten(0, -2), reduction="none", label_smoothing=smoothing
        )
        return rows.reshape(4, -1).mean(1)

    compare(
        lambda g, x, t: g.softmax_cross_entropy(x, t, label_smoothing=smoothing),
        theirs,
        [x, t],
        is_loss=True,
    )


def test_hinge_and_cosine(rng) -> None:
    x, t = rng.standard_normal((5, 6)), rng.integers(0, 2, (5, 6))
    compare(
        lambda g, x, t: g.hinge_loss(x, t),
        lambda x, t: mean(torch.relu(1 - (2 * t - 1) * x)),
        [x, t],
        is_loss=True,
    )

    def normal(x: Any) -> Any:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    compare(
        Graph.cosine_distance,
        lambda x, t: 1 - (x * t).sum(1),
        [normal(x), normal(rng.standard_normal((5, 6)))],
        is_loss=True,
    )
