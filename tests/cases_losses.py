"""Cases of the losses ops."""

from __future__ import annotations

from typing import Any

from case import Case

from mpsnn import Graph, Value


def cross_entropy(g: Graph, x: Value, **options: Any) -> Value:
    return g.softmax_cross_entropy(x, g.label_inputs[0], **options)


def sum_of_losses(g: Graph, x: Value, z: Value) -> Value:
    return g.add(cross_entropy(g, x), cross_entropy(g, z, label_smoothing=0.2))


CASES = [
    Case("softmax_cross_entropy", cross_entropy, ((4,),), loss=True),
    Case(
        "softmax_cross_entropy", cross_entropy, ((4,),), loss=True, options={"label_smoothing": 0.1}
    ),
    Case("softmax_cross_entropy", sum_of_losses, ((4,), (4,)), loss=True),
]
