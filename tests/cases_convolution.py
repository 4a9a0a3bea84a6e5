"""Cases of the convolution ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value


def conv(x: Shape, weight: Shape, *, bias: bool = True, **options: Any) -> Case:
    parameters = (weight, weight[:1]) if bias else (weight,)
    return Case("conv2d", Graph.conv2d, (x,), parameters, options=options)


def transposed(x: Shape, weight: Shape, *, bias: bool = True, **options: Any) -> Case:
    parameters = (weight, weight[:1]) if bias else (weight,)
    return Case("conv_transpose2d", Graph.conv_transpose2d, (x,), parameters, options=options)


def conv_relu(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.relu(g.conv2d(x, weight, bias, **options))


def conv_relu_pool(g: Graph, x: Value, weight: Value, bias: Value, **options: Any) -> Value:
    return g.max_pool2d(conv_relu(g, x, weight, bias), **options)


def half(op: str, x: Shape, weight: Shape, **options: Any) -> Case:
    build = {"conv2d": Graph.conv2d, "conv_transpose2d": Graph.conv_transpose2d}[op]
    options["accumulator"] = "half"
    return Case(op, build, (x,), (weight, weight[:1]), differentiable=False, options=options)


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
    conv((1, 1, 1), (1, 1, 1, 1)),
    conv((3, 3, 1), (1, 3, 3, 1), stride=(5, 7)),  # a stride larger than the image
    conv((5, 5, 1), (3, 1, 1, 1), stride=(3, 2), padding="valid"),
    conv((1, 1, 3), (2, 3, 4, 3), padding=(2, 2, 3, 3)),  # much padding, little image
    conv((6, 5, 17), (34, 3, 3, 1), groups=17, stride=2),  # depthwise, two filters each
    conv((6, 5, 17), (17, 3, 3, 1), groups=17, bias=False, dilation=2),
    conv((5, 4, 9), (21, 2, 3, 3), groups=3, stride=(2, 1)),
    # Windows that tile the image: as rows, over its whole width, and not quite.
    conv((1, 12, 3), (5, 1, 4, 3), stride=(1, 4), padding="valid"),
    conv((3, 6, 2), (17, 1, 3, 2), stride=(1, 3), bias=False),
    conv((6, 4, 3), (2, 3, 4, 3), stride=(3, 1), padding="valid"),
    conv((4, 6, 2), (3, 2, 3, 2), stride=(2, 3)),
    conv((1, 13, 3), (5, 1, 4, 3), stride=(1, 4), padding="valid"),
    conv((2, 6, 3), (4, 1, 3, 3), stride=(1, 2), padding="valid"),
    conv((1, 4, 3), (4, 1, 2, 3), stride=(1, 2), padding=(0, 0, 1, 0)),
    conv((1, 6, 3), (4, 1, 3, 3), stride=(1, 3), padding="valid", dilation=(2, 1)),
    conv((1, 8, 4), (4, 1, 4, 2), stride=(1, 4), padding="valid", groups=2),
    Case("conv2d", conv_relu, ((1, 8, 2),), ((7, 1, 4, 2), (7,)), options={"stride": (1, 4)}),
    Case("conv2d", Graph.depthwise_conv2d, ((4, 5, 3),), ((6, 3, 3, 1), (6,))),
    Case("conv2d", Graph.conv1d, ((9, 3),), ((4, 3, 3), (4,))),
    Case("conv2d", Graph.conv1d, ((9, 4),), ((6, 3, 2), (6,)), options={"groups": 2, "stride": 2}),
    Case("conv2d", Graph.conv1d, ((2, 3),), ((4, 5, 3),), options={"padding": (3, 2)}),
    Case("conv2d", Graph.conv1d, ((8, 1),), ((1, 3, 1), (1,)), options={"dilation": 3}),
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
    transposed((3, 4, 3), (4, 3, 3, 3)),
    transposed((3, 4, 3), (4, 3, 3, 3), bias=False, stride=2),
    transposed((3, 4, 3), (4, 2, 3, 3), stride=(3, 2)),  # a kernel smaller than the stride
    transposed((3, 2, 3), (4, 1, 1, 3), stride=3),
    transposed((3, 2, 3), (4, 3, 3, 3), stride=2, padding="valid"),
    transposed((3, 2, 2), (3, 3, 2, 2), stride=(2, 3), padding="valid", output_padding=(1, 2)),
    transposed((4, 3, 2), (3, 3, 3, 2), stride=2, padding=1, output_padding=1),
    transposed((4, 3, 2), (3, 3, 3, 2), dilation=(2, 3), padding=(2, 0, 1, 3)),
    transposed((2, 3, 2), (3, 2, 2, 2), dilation=3, padding="valid", output_padding=2),
    transposed((3, 3, 2), (2, 3, 3, 2), stride=2, dilation=2),
    transposed((3, 4, 4), (6, 3, 3, 2), groups=2, stride=2),
    transposed((3, 3, 5), (5, 3, 3, 1), groups=5, stride=2),  # depthwise
    transposed((3, 3, 5), (10, 3, 3, 1), groups=5),
    transposed((1, 1, 5), (7, 1, 1, 5)),
    transposed((1, 1, 1), (1, 5, 5, 1)),  # kernel larger than the image
    transposed((1, 1, 3), (2, 4, 3, 3), padding="valid"),
    transposed((1, 5, 2), (3, 1, 3, 2), stride=(1, 2)),  # 1-D: one row
    transposed((2, 3, 16), (17, 3, 3, 16), stride=2),
    transposed((3, 2, 4), (6, 3, 2, 2), groups=2, dilation=3, padding=1, output_padding=2),
    half("conv2d", (5, 6, 3), (4, 3, 3, 3), stride=2),
    half("conv2d", (4, 5, 6), (66, 3, 2, 6), padding="valid"),
    half("conv2d", (4, 5, 5), (10, 3, 3, 1), groups=5, dilation=2),
    Case(
        "conv2d",
        conv_relu,
        ((5, 4, 3),),
        ((7, 3, 3, 3), (7,)),
        differentiable=False,
        options={"accumulator": "half"},
    ),
    half("conv_transpose2d", (3, 4, 3), (4, 3, 3, 3), stride=2),
    half("conv_transpose2d", (3, 2, 4), (6, 3, 2, 2), groups=2, dilation=2, padding="valid"),
    Case("dense", Graph.dense, ((2, 2, 3),), ((5, 12), (5,))),
    Case("dense", Graph.dense, ((7,),), ((1, 7),)),
    Case("dense", Graph.dense, ((1,),), ((1, 1), (1,))),
    Case("dense", Graph.dense, ((1, 1, 1),), ((9, 1), (9,))),
    Case("dense", Graph.dense, ((3, 5),), ((2, 15), (2,))),
    Case("dense", Graph.dense, ((4, 4, 4),), ((33, 64), (33,))),
    Case("dense", dense_relu, ((9,),), ((17, 9), (17,))),
]
