"""Cases of the normalization ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value


def batch_norm(g: Graph, x: Value, gamma: Value, beta: Value, **options: Any) -> Value:
    channels = x.shape[-1]
    mean = g.parameter(channels, trainable=False, name="mean")
    variance = g.parameter(channels, trainable=False, name="variance")
    return g.batch_norm(x, gamma, beta, mean, variance, **options)


def norm(x: Shape, **options: Any) -> Case:
    return Case("batch_norm", batch_norm, (x,), (x[-1:], x[-1:]), options=options)


def norm_relu(g: Graph, x: Value, gamma: Value, beta: Value, **options: Any) -> Value:
    return g.relu(batch_norm(g, x, gamma, beta, **options))


CASES = [
    norm((4, 4, 3)),
    norm((4, 5, 16), epsilon=1e-3),
    norm((5,)),
    Case("batch_norm", norm_relu, ((4, 4, 8),), ((8,), (8,))),
]
