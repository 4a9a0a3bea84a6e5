"""What is compared: one row per configuration of an op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpsnn.graph import Graph
from mpsnn.sources import ArraySource
from mpsnn.values import Value

Shape = tuple[int, ...]
Build = Callable[..., Value]

BATCH = 4


@dataclass(frozen=True)
class Row:
    """`build(graph, *images, *parameters)` gives y; a dense layer and a loss come behind it.

    Attributes:
        name: For the report.
        build: Adds the op to a graph.
        images: Shapes of its inputs.
        parameters: Shapes of its parameters.
        kink: Whether samples keep away from 0 and from each other, where a slope changes.
        labels: If y is the loss itself: their shape. They are then the first argument.
        count: Images of the batch of 4 that are real.
        judged: Whether a deviation is a failure. Apple prints gradients of the others that are
            not those of what it prints as their results.
    """

    name: str
    build: Build
    images: tuple[Shape, ...]
    parameters: tuple[Shape, ...] = ()
    kink: bool = False
    labels: Shape | None = None
    count: int = BATCH
    judged: bool = True


def method(name: str, *numbers: Any, **options: Any) -> Build:
    """A method of the graph, with options behind the values."""

    def build(g: Graph, *values: Value) -> Value:
        y: Value = getattr(g, name)(*values, *numbers, **options)
        return y

    return build


def conv(what: str, x: Shape, weight: Shape, op: str = "conv2d", **options: Any) -> Row:
    """A convolution with a bias."""
    return Row(f"{op}, {what}", method(op, **options), (x,), (weight, weight[:1]))


def norm(what: str, count: int = BATCH, **options: Any) -> Row:
    """A `batch_norm` whose running statistics are 0 and 1."""

    def build(g: Graph, x: Value, gamma: Value, beta: Value) -> Value:
        def constant(value: float, name: str) -> Value:
            source = ArraySource(weight=np.full(6, value, np.float32))
            return g.parameter(6, source=source, trainable=False, name=name)

        mean, variance = constant(0, "mean"), constant(1, "variance")
        return g.batch_norm(x, gamma, beta, mean, variance, **options)

    return Row(f"batch_norm{what}", build, ((4, 5, 6),), ((6,), (6,)), count=count)


def neuron(name: str, *numbers: float, kink: bool = False, judged: bool = True) -> Row:
    what = "".join(f" {number:g}" for number in numbers)
    return Row(name + what, method(name, *numbers), ((3, 5, 2),), kink=kink, judged=judged)


def of_positive(name: str) -> Row:
    """A neuron of numbers from 0.2 to 1.2."""

    def build(g: Graph, x: Value) -> Value:
        return method(name)(g, g.linear(g.sigmoid(x), 1.0, 0.2))

    return Row(f"{name} of positive numbers", build, ((3, 5, 2),))


def pair(name: str, a: Shape, b: Shape) -> Row:
    """Divisors keep away from 0, and what is compared from being equal."""
    kink = name.endswith("imum")

    def build(g: Graph, x: Value, z: Value) -> Value:
        if name == "divide":
            z = g.linear(g.sigmoid(z), 1.0, 0.5)
        return method(name)(g, x, g.linear(z, 1.0, 0.005) if kink else z)

    what = "" if a == b else f" of {a} and {b}"
    return Row(f"{name}{what}", build, (a, b), kink=kink)


def loss(name: str, shape: Shape, what: str = "", **options: Any) -> Row:
    def build(g: Graph, labels: Value, x: Value) -> Value:
        return method(name, **options)(g, x, labels)

    kink = name in ("mean_absolute_error", "hinge_loss", "huber_loss")
    judged = name not in ("hinge_loss", "huber_loss", "kl_divergence")
    return Row(name + what, build, (shape,), kink=kink, labels=shape, judged=judged)


def recurrent(op: str, gates: int, **options: Any) -> Row:
    what = "".join(f", {key}" for key in options)
    shapes = ((gates * 4, 3), (gates * 4, 4), (gates * 4,))
    return Row(f"{op}{what}", method(op, **options), ((5, 3),), shapes)


def concat(g: Graph, *values: Value) -> Value:
    return g.concat(values)


def bend(g: Graph, x: Value, weight: Value, bias: Value) -> Value:
    return g.relu(g.conv2d(x, weight, bias))


def residual(g: Graph, x: Value, first: Value, second: Value, own: Value) -> Value:
    """A value that is read twice, and two kinds of pooling."""
    y = g.max_pool2d(g.relu(g.conv2d(x, first)), 2)
    z = g.add(g.relu(g.conv2d(y, second)), y)
    return g.dense(g.concat([z, g.avg_pool2d(z, 3, stride=1, padding="same")]), own)


CONVOLUTIONS = [
    conv("3x3", (6, 7, 3), (4, 3, 3, 3)),
    conv("1x1, 5 to 7 channels", (4, 4, 5), (7, 1, 1, 5)),
    conv("stride 2", (5, 6, 3), (4, 3, 3, 3), stride=2),
    conv("stride (3, 2), valid", (7, 8, 3), (4, 3, 3, 3), stride=(3, 2), padding="valid"),
    conv("padding (2, 0, 1, 2)", (5, 6, 3), (4, 3, 3, 3), padding=(2, 0, 1, 2)),
    conv("2x4 kernel", (5, 6, 3), (4, 2, 4, 3)),
    conv("dilation (2, 1)", (9, 8, 2), (4, 3, 3, 2), dilation=(2, 1)),
    conv("groups of 4", (6, 6, 8), (8, 3, 3, 4), groups=2),
    conv("groups of 2", (6, 6, 4), (6, 3, 3, 2), groups=2),
    conv("depthwise", (6, 6, 8), (8, 3, 3, 1), groups=8),
    Row("conv2d and relu, 3 of 4 images", bend, ((5, 6, 3),), ((4, 3, 3, 3), (4,)), count=3),
    conv("3x3", (3, 4, 3), (4, 3, 3, 3), "conv_transpose2d"),
    conv("stride 2", (3, 4, 3), (4, 3, 3, 3), "conv_transpose2d", stride=2),
    conv("valid", (3, 2, 3), (4, 3, 3, 3), "conv_transpose2d", stride=2, padding="valid"),
    conv(
        "output_padding", (4, 3, 2), (3, 3, 3, 2), "conv_transpose2d",
        stride=2, padding=1, output_padding=1,
    ),
    conv("groups of 4", (3, 4, 8), (8, 3, 3, 4), "conv_transpose2d", groups=2, stride=2),
    conv("dilation 2", (3, 3, 2), (2, 3, 3, 2), "conv_transpose2d", dilation=2),
    Row("dense of an image", method("dense"), ((2, 2, 3),), ((5, 12), (5,))),
    Row("dense of a vector", method("dense"), ((9,),), ((17, 9), (17,))),
]  # fmt: skip

POOLS = [
    Row("max_pool2d", method("max_pool2d", 2), ((6, 6, 3),), kink=True),
    Row(
        "max_pool2d, 3x3, stride 2, same",
        method("max_pool2d", 3, stride=2, padding="same"), ((7, 6, 5),), kink=True,
    ),
    Row("max_pool2d, dilation 2", method("max_pool2d", 2, stride=1, dilation=2), ((7, 8, 3),),
        kink=True),
    Row("avg_pool2d", method("avg_pool2d", 2), ((6, 6, 3),)),
    Row("avg_pool2d, same", method("avg_pool2d", (3, 2), stride=2, padding="same"), ((7, 6, 5),)),
    Row("avg_pool2d, zeros outside",
        method("avg_pool2d", 3, stride=2, padding="same", edge="zero"), ((5, 5, 3),)),
    Row("l2_pool2d", method("l2_pool2d", 2), ((6, 6, 3),)),
    Row("global_avg_pool2d", method("global_avg_pool2d"), ((3, 4, 5),)),
]  # fmt: skip


def group_norm(g: Graph, x: Value, gamma: Value, beta: Value) -> Value:
    return g.group_norm(x, gamma, beta, groups=2)


NORMS = [
    norm(""),
    norm(", 3 of 4 images", count=3),
    norm(", frozen", frozen=True),
    Row("group_norm", group_norm, ((4, 5, 6),), ((6,), (6,))),
    Row("layer_norm", method("layer_norm"), ((4, 6),)),
    *(
        Row(f"{kind}_norm", method(f"{kind}_norm", *window), ((5, 4, 8),), judged=False)
        for kind, window in (("cross_channel", ()), ("spatial", (3,)), ("local_contrast", (3,)))
    ),
]

NEURONS = [
    neuron("relu", kink=True),
    neuron("relu", 0.3, kink=True),
    neuron("elu", 0.5, kink=True),
    neuron("abs", kink=True),
    neuron("hard_sigmoid", kink=True),
    *(neuron(name) for name in ("sigmoid", "tanh", "softplus", "softsign", "exponential")),
    neuron("tanh", 1.7, 0.6),
    *(of_positive(name) for name in ("sqrt", "log")),
    neuron("gelu", judged=False),
    neuron("relu_n", 0.105, kink=True, judged=False),
    Row("prelu", method("prelu"), ((3, 4, 5),), ((5,),), kink=True),
    Row("softmax", method("softmax"), ((3, 2, 5),)),
    Row("log_softmax", method("log_softmax"), ((7,),)),
    Row("dropout", method("dropout", 0.4), ((4, 5, 2),)),
]

OTHERS = [
    pair("add", (3, 4, 2), (3, 4, 2)),
    pair("add", (3, 4, 2), (1, 1, 2)),
    pair("subtract", (3, 1, 2), (1, 4, 1)),
    pair("multiply", (3, 4, 2), (3, 4, 2)),
    pair("multiply", (3, 4, 5), (1, 1, 5)),
    pair("divide", (3, 4, 2), (3, 4, 2)),
    pair("minimum", (3, 4, 2), (3, 4, 2)),
    Row("matmul", method("matmul"), ((3, 4), (4, 5))),
    Row("concat of 3, 5 and 1 channels", concat, ((3, 4, 3), (3, 4, 5), (3, 4, 1))),
    Row("reshape", method("reshape", 2, 3, 4), ((4, 6, 1),)),
    Row("pad by zeros", method("zero_pad2d", (1, 2, 0, 3)), ((3, 4, 2),)),
    Row("pad by a mirror", method("pad", (2, 1, 0), (1, 3, 0), "mirror"), ((4, 5, 2),)),
    Row("transpose", method("transpose", 1, 0, 2), ((3, 4, 2),)),
    Row("resize, nearest", method("resize_nearest", 6, 8), ((3, 4, 2),)),
    Row("resize, bilinear", method("resize_bilinear", 6, 8), ((3, 4, 2),)),
    Row("resize, corners", method("resize_bilinear", 6, 8, align_corners=True), ((3, 4, 2),)),
    *(recurrent(op, gates) for op, gates in (("rnn", 1), ("lstm", 4), ("gru", 3), ("mgu", 2))),
    recurrent("lstm", 4, reverse=True),
    Row("residual network", residual, ((6, 6, 3),), ((8, 3, 3, 3), (8, 3, 3, 8), (5, 144))),
]

LOSSES = [
    loss("softmax_cross_entropy", (5,)),
    loss("softmax_cross_entropy", (3, 2, 4), " of pixels"),
    loss("softmax_cross_entropy", (5,), ", smoothed", label_smoothing=0.1),
    loss("sigmoid_cross_entropy", (5,)),
    loss("mean_squared_error", (3, 2, 4)),
    loss("mean_absolute_error", (5,)),
    loss("cosine_distance", (5,)),
    *(loss(name, (5,)) for name in ("hinge_loss", "huber_loss", "kl_divergence")),
]

ROWS = [*CONVOLUTIONS, *POOLS, *NORMS, *NEURONS, *OTHERS, *LOSSES]
