"""Cases of the neurons ops."""

from __future__ import annotations

from case import Case, Shape

from mpsnn import Graph, Value


def read_twice(g: Graph, x: Value) -> Value:
    return g.add(g.softmax(x), g.add(x, x))


def neuron(g: Graph, x: Value, kind: str, numbers: tuple[float, ...]) -> Value:
    return getattr(g, kind)(x, *numbers)


def of_positive(g: Graph, x: Value, kind: str, numbers: tuple[float, ...]) -> Value:
    """Of numbers from 0.2 to 1.2, where every function here is defined and smooth."""
    return getattr(g, kind)(g.linear(g.sigmoid(x), 1.0, 0.2), *numbers)


# Method, op, kink, and the parameters: by default first.
NEURONS: list[tuple[str, str, bool, list[tuple[float, ...]]]] = [
    ("linear", "linear", False, [(2.0, -0.5), (0.0, 1.0)]),
    ("relu", "relu", True, [(), (0.3,), (-0.4,)]),
    ("relu_n", "relu_n", True, [(0.105,), (0.105, 0.3), (0.075, -0.4)]),
    ("sigmoid", "sigmoid", False, [()]),
    ("hard_sigmoid", "hard_sigmoid", True, [(), (9.0, 0.5)]),
    ("tanh", "tanh", False, [(), (1.7, 0.6), (0.0, 1.0)]),
    ("abs", "abs", True, [()]),
    ("softplus", "softplus", False, [(), (0.5, 2.0), (3.0, -2.0), (1.0, 0.0)]),
    ("softsign", "softsign", False, [()]),
    ("elu", "elu", True, [(), (0.5,), (-0.5,), (0.0,)]),
    ("exponential", "exponential", False, [(), (0.5, 0.2, 2.0)]),
    ("gelu", "gelu", False, [()]),
    ("silu", "silu", False, [()]),
    ("clamp", "clamp", True, [(-0.055, 0.105), (0.0, 0.0)]),
    ("square", "power", False, [()]),
]
OF_POSITIVE: list[tuple[str, str, list[tuple[float, ...]]]] = [
    ("power", "power", [(0.5,), (-1.0,), (2.5, 0.7, 0.1), (0.0,), (1.0,)]),
    ("sqrt", "power", [()]),
    ("log", "logarithm", [()]),
    ("logarithm", "logarithm", [(2.0, 0.3, 10.0)]),
]
SHAPES: list[Shape] = [(3, 5, 2), (1,), ()]


def prelu(g: Graph, x: Value, slope: Value) -> Value:
    return g.prelu(x, slope)


CASES = [
    *(
        Case(op, neuron, (shape,), kink=kink, options={"kind": kind, "numbers": numbers})
        for kind, op, kink, parameters in NEURONS
        for numbers in parameters
        for shape in SHAPES[: 3 if numbers == parameters[0] else 1]
    ),
    *(
        Case(op, of_positive, (shape,), options={"kind": kind, "numbers": numbers})
        for kind, op, parameters in OF_POSITIVE
        for numbers in parameters
        for shape in SHAPES[: 2 if numbers == parameters[0] else 1]
    ),
    Case("prelu", prelu, ((3, 4, 5),), ((5,),), kink=True),
    Case("prelu", prelu, ((1,),), ((1,),), kink=True),
    Case("prelu", prelu, ((2, 33),), ((33,),), kink=True),
    Case("dropout", Graph.dropout, ((4, 5, 2),), options={"rate": 0.4}),
    Case("dropout", Graph.dropout, ((3,),), options={"rate": 0.0}),
    Case("dropout", Graph.dropout, ((3, 4, 5),), options={"mask_strides": (0, 0, 1)}),
    Case("dropout", Graph.dropout, ((3, 4, 5),), options={"mask_strides": (1, 1, 0)}),
    Case("dropout", Graph.dropout, ((3, 4, 5),), options={"mask_strides": (0, 1, 0)}),
    Case("dropout", Graph.dropout, ((2, 5),), options={"mask_strides": (0, 0)}),
    Case("add", read_twice, ((6,),)),
    Case("softmax", Graph.softmax, ((7,),)),
    Case("softmax", Graph.softmax, ((3, 2, 4),)),
    Case("softmax", Graph.softmax, ((3, 1),)),
    Case("log_softmax", Graph.log_softmax, ((7,),)),
    Case("log_softmax", Graph.log_softmax, ((3, 2, 4),)),
    Case("log_softmax", Graph.log_softmax, ((3, 1),)),
]
