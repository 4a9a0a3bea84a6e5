"""Cases of the neurons ops."""

from __future__ import annotations

from case import Case

from mpsnn import Graph, Value


def read_twice(g: Graph, x: Value) -> Value:
    return g.add(g.softmax(x), g.add(x, x))


CASES = [
    Case("relu", Graph.relu, ((4, 4, 2),), kink=True),
    Case("relu", Graph.relu, ((1,),), kink=True),
    Case("dropout", Graph.dropout, ((4, 5, 2),), options={"rate": 0.4}),
    Case("dropout", Graph.dropout, ((3,),), options={"rate": 0.0}),
    Case("add", read_twice, ((6,),)),
    Case("softmax", Graph.softmax, ((7,),)),
    Case("softmax", Graph.softmax, ((3, 2, 4),)),
]
