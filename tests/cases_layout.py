"""Cases of the layout ops."""

from __future__ import annotations

from typing import Any

import numpy as np
from case import Case, Shape

from mpsnn import ArraySource, Graph, Value

MODES = ("clamp", "mirror", "mirror_with_edge")


def concat(g: Graph, *values: Value, axis: int) -> Value:
    return g.concat(values, axis=axis)


def reshape(g: Graph, x: Value) -> Value:
    return g.reshape(x, 4, 6)


def concat_weights(g: Graph, x: Value, *weights: Value) -> Value:
    return g.dense(x, g.concat(weights, axis=0))


def reshape_weight(g: Graph, x: Value, weight: Value) -> Value:
    return g.dense(x, g.reshape(weight, 3, 4))


def cut(*index: Any) -> Any:
    def build(g: Graph, x: Value) -> Value:
        return x[index]

    return build


def slice_weight(g: Graph, x: Value, weight: Value) -> Value:
    return g.dense(x, weight[::2, 1:5])


def pad_weight(g: Graph, x: Value, weight: Value, mode: Any) -> Value:
    return g.dense(x, g.pad(weight, (1, 0), (0, 2), mode))


def transpose(g: Graph, x: Value, order: Shape) -> Value:
    return g.transpose(x, *order)


def transpose_weight(g: Graph, x: Value, weight: Value) -> Value:
    return g.dense(x, g.transpose(weight, 1, 0))


def frozen_weight(g: Graph, x: Value) -> Value:
    source = ArraySource(weight=np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
    return g.dense(x, g.stop_gradient(g.parameter(3, 4, source=source, name="frozen")))


def constant_image(g: Graph, x: Value) -> Value:
    """Of a value that depends on x, but not on its numbers."""
    ones = g.softmax(g.reshape(x, *x.shape, 1))
    return g.add(x, g.reshape(g.stop_gradient(ones), *x.shape))


CASES = [
    Case("reshape", reshape, ((3, 4, 2),)),
    Case("reshape", Graph.flatten, ((3, 4, 2),)),
    Case("reshape", reshape_weight, ((4,),), ((2, 6),)),
    Case("concat", concat, ((3, 4, 2), (3, 4, 5), (3, 4, 1)), options={"axis": -1}),
    Case("concat", concat, ((3, 4, 2), (1, 4, 2)), options={"axis": 0}),
    Case("concat", concat, ((3, 1, 2), (3, 4, 2)), options={"axis": -2}),
    Case("concat", concat, ((3, 4, 2),), options={"axis": 1}),
    Case("concat", concat, ((1,), (1,)), options={"axis": 0}),
    Case("concat", concat_weights, ((4,),), ((2, 4), (1, 4), (3, 4))),
    Case("slice", cut(slice(1, 3), slice(None, None, 2)), ((5, 4, 3),)),
    Case("slice", cut(..., slice(1, None, 3)), ((2, 3, 8),)),
    Case("slice", cut(slice(None, -1, 2), slice(None), slice(1, 2)), ((4, 3, 3),)),
    Case("slice", cut(slice(2, 4)), ((5, 3, 2),)),
    Case("slice", cut(slice(None, None, 3), slice(1, None, 5)), ((7, 4, 2),)),
    Case("slice", cut(-1, ..., 0), ((3, 2, 2, 4),)),
    Case("slice", cut(slice(0, 1)), ((1,),)),
    Case("slice", slice_weight, ((4,),), ((5, 6),)),
    Case("pad", Graph.zero_pad2d, ((3, 4, 2),), options={"padding": (1, 2, 0, 3)}),
    Case("pad", Graph.pad, ((2, 1, 3),),
         options={"before": (0, 0, 2), "after": (1, 0, 1), "value": -1.5}),
    Case("pad", Graph.pad, ((4,),), options={"before": (0,), "after": (0,)}),
    Case("pad", pad_weight, ((5,),), ((2, 3),), options={"mode": "constant"}),
    Case("pad", pad_weight, ((5,),), ((2, 3),), options={"mode": "mirror"}),
    *(
        Case("pad", Graph.pad, ((3, 4, 2),),
             options={"before": (2, 0, 0), "after": (1, 3, 0), "mode": mode})
        for mode in MODES
    ),
    *(
        Case("pad", Graph.pad, ((2, 3, 2, 5),),
             options={"before": (1, 2, 1, 4), "after": (0, 1, 1, 3), "mode": mode})
        for mode in MODES
    ),
    Case("pad", Graph.pad, ((1, 1, 1),),
         options={"before": (3, 0, 2), "after": (0, 2, 0), "mode": "clamp"}),
    Case("transpose", transpose, ((3, 4, 2),), options={"order": (1, 0, 2)}),
    Case("transpose", transpose, ((3, 5, 17),), options={"order": (2, 0, 1)}),
    Case("transpose", transpose, ((3, 4, 2, 5),), options={"order": (1, 3, 0, 2)}),
    Case("transpose", transpose, ((4,),), options={"order": (0,)}),
    Case("transpose", transpose_weight, ((3,),), ((3, 4),)),
    Case("stop_gradient", frozen_weight, ((4,),)),
    Case("stop_gradient", constant_image, ((3, 2, 2),)),
]  # fmt: skip
