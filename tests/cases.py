"""One row per op configuration. A new op is tested by adding rows here, nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mpsnn import Graph, Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """`build(graph, *values)` applies one op to values of the given shapes.

    `kink` is for ops that are not differentiable everywhere: the samples then keep away
    from 0, and from each other, by more than a finite difference moves them.
    """

    op: str
    build: Callable[..., Value]
    images: tuple[Shape, ...]
    parameters: tuple[Shape, ...] = ()
    kink: bool = False
    loss: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = "+".join("x".join(map(str, s)) or "()" for s in self.images + self.parameters)
        extra = ",".join(f"{k}={v}".replace(" ", "") for k, v in self.options.items())
        return f"{self.op}-{shapes}[{extra}]"


def conv(x: Shape, weight: Shape, *, bias: bool = True, **options: Any) -> Case:
    parameters = (weight, weight[:1]) if bias else (weight,)
    return Case("conv2d", Graph.conv2d, (x,), parameters, options=options)


def pool(op: str, x: Shape, kernel: Any, **options: Any) -> Case:
    build = {"max_pool2d": Graph.max_pool2d, "avg_pool2d": Graph.avg_pool2d}[op]
    options["kernel"] = kernel
    return Case(op, build, (x,), kink=op == "max_pool2d", options=options)


def batch_norm(g: Graph, x: Value, gamma: Value, beta: Value, **options: Any) -> Value:
    channels = x.shape[-1]
    mean = g.parameter(channels, trainable=False, name="mean")
    variance = g.parameter(channels, trainable=False, name="variance")
    return g.batch_norm(x, gamma, beta, mean, variance, **options)


def norm(x: Shape, **options: Any) -> Case:
    return Case("batch_norm", batch_norm, (x,), (x[-1:], x[-1:]), options=options)


def norm_relu(g: Graph, x: Value, gamma: Value, beta: Value, **options: Any) -> Value:
    return g.relu(batch_norm(g, x, gamma, beta, **options))


def conv_relu(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.relu(g.conv2d(x, weight, bias, **options))


def conv_relu_pool(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.max_pool2d(conv_relu(g, x, weight, bias), **options)


def dense_relu(g: Graph, x: Value, weight: Value, bias: Value) -> Value:
    return g.relu(g.dense(x, weight, bias))


def read_twice(g: Graph, x: Value) -> Value:
    return g.add(g.softmax(x), g.add(x, x))


def concat(g: Graph, *values: Value, axis: int) -> Value:
    return g.concat(values, axis=axis)


def reshape(g: Graph, x: Value) -> Value:
    return g.reshape(x, 4, 6)


def cross_entropy(g: Graph, x: Value, **options: Any) -> Value:
    return g.softmax_cross_entropy(x, g.label_inputs[0], **options)


def sum_of_losses(g: Graph, x: Value, z: Value) -> Value:
    return g.add(cross_entropy(g, x), cross_entropy(g, z, label_smoothing=0.2))


CASES = [
    conv((5, 6, 3), (4, 3, 3, 3)),
    conv((5, 6, 3), (4, 3, 3, 3), bias=False),
    conv((5, 6, 3), (4, 3, 3, 3), stride=2),
    conv((7, 6, 3), (4, 3, 2, 3), padding="valid"),
    conv((7, 8, 3), (4, 3, 3, 3), stride=(3, 2), padding="valid"),  # a rest is left unread
    conv((5, 6, 3), (4, 3, 3, 3), padding=(2, 0, 1, 2)),
    conv((9, 8, 2), (4, 3, 3, 2), dilation=(2, 1)),
    conv((6, 6, 4), (6, 3, 3, 2), groups=2),
    conv((6, 6, 8), (8, 3, 3, 1), groups=8),  # depthwise
    conv((1, 7, 2), (3, 1, 3, 2), stride=(1, 2)),  # 1-D: one row
    conv((2, 2, 1), (1, 5, 5, 1)),  # kernel larger than the image
    conv((1, 1, 5), (7, 1, 1, 5)),
    conv((4, 4, 16), (32, 1, 1, 16)),
    conv((8, 8, 16), (32, 3, 3, 16)),
    Case("conv2d", conv_relu, ((6, 6, 3),), ((4, 3, 3, 3), (4,)), options={"stride": 2}),
    Case("conv2d", conv_relu_pool, ((6, 6, 3),), ((4, 3, 3, 3), (4,)), options={"kernel": 2}),
    Case(
        "conv2d",
        conv_relu_pool,
        ((7, 7, 2),),
        ((16, 3, 3, 2), (16,)),
        options={"kernel": 3, "stride": 2, "padding": "same"},
    ),
    Case("dense", Graph.dense, ((2, 2, 3),), ((5, 12), (5,))),
    Case("dense", Graph.dense, ((7,),), ((1, 7),)),
    Case("dense", Graph.dense, ((4, 4, 4),), ((33, 64), (33,))),
    Case("dense", dense_relu, ((9,),), ((17, 9), (17,))),
    pool("max_pool2d", (6, 6, 3), 2),
    pool("max_pool2d", (7, 6, 5), (3, 2), stride=2, padding="same"),
    pool("max_pool2d", (5, 5, 16), 3, stride=1, padding="same"),
    pool("max_pool2d", (5, 5, 3), 3, stride=2, padding=(1, 1, 1, 0)),
    pool("max_pool2d", (5, 5, 3), 3, stride=2, padding="same", edge="zero"),
    pool("max_pool2d", (1, 1, 1), 1),
    pool("max_pool2d", (2, 2, 2), 5, padding="same"),
    pool("max_pool2d", (20, 20, 2), 17, stride=3),  # positions do not fit a byte
    pool("avg_pool2d", (6, 6, 3), 2),
    pool("avg_pool2d", (7, 6, 5), (3, 2), stride=2, padding="same"),
    pool("avg_pool2d", (5, 5, 3), 3, stride=2, padding="same", edge="zero"),
    pool("avg_pool2d", (5, 5, 16), 3, stride=1, padding=1, edge="zero"),
    pool("avg_pool2d", (4, 4, 2), 4),  # global
    Case("relu", Graph.relu, ((4, 4, 2),), kink=True),
    Case("relu", Graph.relu, ((1,),), kink=True),
    Case("dropout", Graph.dropout, ((4, 5, 2),), options={"rate": 0.4}),
    Case("dropout", Graph.dropout, ((3,),), options={"rate": 0.0}),
    norm((4, 4, 3)),
    norm((4, 5, 16), epsilon=1e-3),
    norm((5,)),
    Case("batch_norm", norm_relu, ((4, 4, 8),), ((8,), (8,))),
    Case("add", Graph.add, ((3, 4, 2), (3, 4, 2))),
    Case("add", read_twice, ((6,),)),
    Case("reshape", reshape, ((3, 4, 2),)),
    Case("reshape", Graph.flatten, ((3, 4, 2),)),
    Case("concat", concat, ((3, 4, 2), (3, 4, 5), (3, 4, 1)), options={"axis": -1}),
    Case("concat", concat, ((3, 4, 2), (1, 4, 2)), options={"axis": 0}),
    Case("softmax", Graph.softmax, ((7,),)),
    Case("softmax", Graph.softmax, ((3, 2, 4),)),
    Case("softmax_cross_entropy", cross_entropy, ((4,),), loss=True),
    Case(
        "softmax_cross_entropy", cross_entropy, ((4,),), loss=True, options={"label_smoothing": 0.1}
    ),
    Case("softmax_cross_entropy", sum_of_losses, ((4,), (4,)), loss=True),
]
