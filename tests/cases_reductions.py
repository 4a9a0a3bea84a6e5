"""Cases of the reductions ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value

REDUCE = {
    "min": Graph.reduce_min,
    "max": Graph.reduce_max,
    "sum": Graph.reduce_sum,
    "mean": Graph.reduce_mean,
    "argmin": Graph.argmin,
    "argmax": Graph.argmax,
}

# Every way that kept and reduced axes can follow one another, and runs longer than what a
# fast kernel takes at once.
AXES: list[tuple[Shape, Any]] = [
    ((4, 5, 3), (0, 1)),
    ((4, 5, 3), -1),
    ((4, 5, 3), 0),
    ((4, 5, 3), 1),
    ((4, 5, 3), (0, 2)),
    ((4, 3, 2), None),
    ((2, 3, 4, 5), (1, 3)),
    ((3, 2, 4, 3), (0, 2)),
    ((1, 1, 70), (0, 1)),
    ((3, 70), 0),
    ((2, 300), 1),
    ((150, 2), 0),
    ((1,), 0),
]


def case(kind: str, x: Shape, axis: Any, keep_axes: bool = False) -> Case:
    options = {"axis": axis, "keep_axes": keep_axes}
    return Case(kind, REDUCE[kind], (x,), kink=kind in ("min", "max"), options=options)


def weight_total(g: Graph, x: Value, weight: Value, kind: str) -> Value:
    return g.dense(x, weight, REDUCE[kind](g, weight, axis=1))


CASES = [
    *(case(kind, x, axis) for kind in REDUCE for x, axis in AXES),
    *(case(kind, (3, 2, 4), (0, -1), keep_axes=True) for kind in REDUCE),
    *(
        Case(kind, weight_total, ((4,),), ((3, 4),), options={"kind": kind})
        for kind in ("min", "max", "sum", "mean")
    ),
]
