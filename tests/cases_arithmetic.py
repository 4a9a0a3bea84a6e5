"""Cases of the arithmetic ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value

SMOOTH = ("add", "subtract", "multiply", "divide", "minimum", "maximum")
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")

# Two values per image: equal shapes, repeated axes on either side, both, and missing ones.
PAIRS: list[tuple[Shape, Shape]] = [
    ((3, 4, 2), (3, 4, 2)),
    ((3, 4, 2), (1, 1, 2)),
    ((3, 1, 2), (1, 4, 1)),
    ((4, 2), (3, 4, 2)),
    ((), (5,)),
    ((2, 3, 4, 5), (3, 1, 5)),
]
# A value per image and a parameter.
SHARED: list[tuple[Shape, Shape]] = [
    ((3, 4, 5), (5,)),
    ((3, 4, 5), (3, 1, 5)),
    ((1, 4), (3, 1)),
    ((2, 600), (600,)),
    ((3,), ()),
]


def pair(g: Graph, a: Value, b: Value, kind: str, **options: Any) -> Value:
    """Divisors keep away from 0, and what is compared from being equal: samples are hundredths."""
    if kind == "divide":
        b = g.linear(g.sigmoid(b), 1.0, 0.5)
    elif kind.endswith("imum"):
        b = g.linear(b, 1.0, 0.005)
    return getattr(g, kind)(a, b, **options)


def swapped(g: Graph, b: Value, a: Value, kind: str, **options: Any) -> Value:
    return pair(g, a, b, kind, **options)


def compared(g: Graph, a: Value, b: Value, kind: str) -> Value:
    """Has no gradient of its own: it chooses between others."""
    b = g.linear(b, 1.0, 0.005)
    return g.multiply(g.add(a, b), getattr(g, kind)(a, b))


def itself(g: Graph, x: Value, kind: str) -> Value:
    return getattr(g, kind)(x, x)


SCALED: dict[str, Any] = {"primary_scale": 0.5, "secondary_scale": -2.0, "bias": 0.3}
CUT: dict[str, Any] = {"low": -0.405, "high": 0.505}

CASES = [
    Case("add", Graph.add, ((3, 4, 2), (3, 4, 2))),
    *(
        Case(kind, pair, images, kink=kind.endswith("imum"), options={"kind": kind})
        for kind in SMOOTH
        for images in PAIRS
    ),
    *(
        Case(kind, build, (a,), (b,), kink=kind.endswith("imum"), options={"kind": kind})
        for kind in SMOOTH
        for a, b in SHARED
        for build in (pair, swapped)
    ),
    *(
        Case(kind, pair, ((3, 4), (4,)), kink=kink, options={"kind": kind, **options})
        for kind in SMOOTH
        for options, kink in ((SCALED, kind.endswith("imum")), (CUT, True))
    ),
    *(
        Case(kind, compared, ((3, 4), b), kink=True, options={"kind": kind})
        for kind in COMPARISONS
        for b in ((3, 4), (4,))
    ),
    Case("multiply", itself, ((3, 4),), options={"kind": "multiply"}),
    Case("matmul", Graph.matmul, ((3, 4), (4, 5))),
    Case("matmul", Graph.matmul, ((2, 3, 4), (2, 4, 5))),
    Case(
        "matmul",
        Graph.matmul,
        ((4, 3), (5, 4)),
        options=dict.fromkeys(("transpose_a", "transpose_b"), True),
    ),
    Case("matmul", Graph.matmul, ((1, 1), (1, 1))),
    Case("matmul", Graph.matmul, ((2, 3, 4), (4, 5))),
    Case("matmul", Graph.matmul, ((3, 4), (2, 4, 5))),
    Case("matmul", Graph.matmul, ((3, 4),), ((4, 5),)),
    Case("matmul", Graph.matmul, ((2, 3, 4),), ((4, 5),)),
    Case("matmul", Graph.matmul, ((2, 3, 4),), ((2, 4, 5),)),
    Case("matmul", Graph.matmul, ((2, 3, 4),), ((5, 4),), options={"transpose_b": True}),
    Case("matmul", Graph.matmul, ((4, 3),), ((4, 5),), options={"transpose_a": True}),
    Case("matmul", lambda g, x, w: g.matmul(w, x), ((4, 5),), ((3, 4),)),
    Case("matmul", lambda g, x, w: g.matmul(w, x), ((4, 5),), ((2, 3, 4),)),
    Case("gram_matrix", Graph.gram_matrix, ((3, 4, 5),), options={"alpha": 0.3}),
    Case("gram_matrix", Graph.gram_matrix, ((1, 1, 1),)),
]
