"""Cases of the layout ops."""

from __future__ import annotations

from case import Case

from mpsnn import Graph, Value


def concat(g: Graph, *values: Value, axis: int) -> Value:
    return g.concat(values, axis=axis)


def reshape(g: Graph, x: Value) -> Value:
    return g.reshape(x, 4, 6)


CASES = [
    Case("reshape", reshape, ((3, 4, 2),)),
    Case("reshape", Graph.flatten, ((3, 4, 2),)),
    Case("concat", concat, ((3, 4, 2), (3, 4, 5), (3, 4, 1)), options={"axis": -1}),
    Case("concat", concat, ((3, 4, 2), (1, 4, 2)), options={"axis": 0}),
]
