"""Cases of the convolution ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value


def conv(x: Shape, weight: Shape, *, bias: bool = True, **options: Any) -> Case:
    parameters = (weight, weight[:1]) if bias else (weight,)
    return Case("conv2d", Graph.conv2d, (x,), parameters, options=options)


def conv_relu(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.relu(g.conv2d(x, weight, bias, **options))


def conv_relu_pool(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.max_pool2d(conv_relu(g, x, weight, bias), **options)


def dense_relu(g: Graph, x: Value, weight: Value, bias: Value) -> Value:
    return g.relu(g.dense(x, weight, bias))


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
]
