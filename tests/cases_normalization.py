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


GROUPED: list[tuple[Shape, int]] = [
    ((4, 5, 6), 2),
    ((4, 5, 6), 1),
    ((4, 5, 6), 6),
    ((7,), 1),
    ((3, 66), 33),
    ((2, 3, 2, 8), 4),
    ((20, 15, 2), 1),
]
LAYERED: list[tuple[Shape, int]] = [
    ((4, 5, 6), 1),
    ((4, 5, 6), 2),
    ((4, 5, 6), 3),
    ((7,), 1),
    ((2, 40), 1),
    ((2, 3, 2, 5), 2),
]


def grouped(g: Graph, x: Value, *own: Value, groups: int) -> Value:
    return g.group_norm(x, *own, groups=groups)


def only_beta(g: Graph, x: Value, beta: Value, groups: int) -> Value:
    return g.group_norm(x, None, beta, groups=groups)


def beside(g: Graph, x: Value, *own: Value, groups: int) -> Value:
    """Next to x itself: of one element or two all that the gradient has is a rounding error."""
    return g.add(g.group_norm(x, *own, groups=groups), x)


def window(op: str, x: Shape, *window: Any, **options: Any) -> Case:
    def build(g: Graph, x: Value, **options: Any) -> Value:
        return getattr(g, op)(x, *window, **options)

    return Case(op, build, (x,), options=options)


CASES = [
    norm((4, 4, 3)),
    norm((4, 5, 16), epsilon=1e-3),
    norm((5,)),
    norm((2, 3, 2, 5)),
    norm((4, 4, 3), frozen=True),
    norm((2, 17), frozen=True),
    norm((3, 3, 2), unbiased_running_var=True),
    Case("batch_norm", norm_relu, ((4, 4, 8),), ((8,), (8,))),
    Case("batch_norm", norm_relu, ((4, 4, 8),), ((8,), (8,)), options={"frozen": True}),
    *(
        Case("group_norm", grouped, (x,), (x[-1:], x[-1:]), options={"groups": groups})
        for x, groups in GROUPED
    ),
    Case("group_norm", grouped, ((4, 3, 6),), options={"groups": 3}),
    Case("group_norm", only_beta, ((4, 3, 6),), ((6,),), options={"groups": 3}),
    Case("group_norm", beside, ((1, 1, 3),), options={"groups": 3}),
    Case("group_norm", beside, ((1, 1, 4),), ((4,), (4,)), options={"groups": 2}),
    *(
        Case("layer_norm", Graph.layer_norm, (x,), (x[-axes:],) * 2, options={"axes": axes})
        for x, axes in LAYERED
    ),
    Case("layer_norm", Graph.layer_norm, ((4, 6),), options={"epsilon": 0.1}),
    window("cross_channel_norm", (3, 2, 8)),
    window("cross_channel_norm", (3, 2, 8), 4, alpha=0.5, beta=0.75, delta=2.0),
    window("cross_channel_norm", (3,), 7),
    window("cross_channel_norm", (2, 2, 1), 1),
    window("spatial_norm", (5, 4, 3), 3, beta=0.5),
    window("spatial_norm", (4, 5, 2), (2, 4), alpha=0.5, beta=0.75, delta=2.0),
    window("spatial_norm", (2, 3, 1), 5),
    window("spatial_norm", (1, 1, 2), 1),
    window("local_contrast_norm", (5, 4, 3), 3),
    window("local_contrast_norm", (4, 5, 2), (2, 4), alpha=0.5, delta=1.0, p0=0.7, pm=0.2, ps=2.0),
    window("local_contrast_norm", (2, 3, 1), 5, delta=0.5),
    window("local_contrast_norm", (1, 1, 2), 1, delta=0.5),
]
