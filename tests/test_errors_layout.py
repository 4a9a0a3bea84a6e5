"""Layout, sampling and reductions: a mistake names op and argument, and leaves the graph as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mpsnn import Graph, ShapeError, Value, layers


def image(g: Graph) -> Value:
    return g.input(4, 6, 3)


SHAPE_ERRORS: list[tuple[Callable[[Graph, Value], Any], str]] = [
    (lambda g, x: x[2:2], "slice: stop must be 3 to 4 on axis 0 of x (4, 6, 3), got 2"),
    (lambda g, x: x[:, 7:], "slice: start must be 0 to 5 on axis 1 of x (4, 6, 3), got 6"),
    (lambda g, x: x[::-1], "slice: step must be from 1 to 2147483647, got -1"),
    (lambda g, x: x[:: 2**31], "slice: step must be from 1"),
    (lambda g, x: x[0, 0, 0, 0], "slice: index (0, 0, 0, 0) has more entries than x (4, 6, 3)"),
    (lambda g, x: x[..., 0, ...], "slice: index (Ellipsis, 0, Ellipsis) has more entries"),
    (lambda g, x: g.slice(x, (0, 0), (1, 1)), "slice: start must have one number for each of 3"),
    (lambda g, x: g.slice(x, (0, 0, 0), (1, 1, 1, 1)), "slice: stop must have one number for each"),
    (lambda g, x: g.slice(x, (0, 0, 0), (1, 1, 1), (1, 0, 1)), "slice: step must be from 1"),
    (lambda g, x: g.pad(x, (1, 1), (1, 1, 1)), "pad: before must have one number for each of 3"),
    (lambda g, x: g.pad(x, (0, 0, 0), (0, -1, 0)), "pad: after must be from 0 to 2147483647, got -1"),
    (lambda g, x: g.pad(x, (0, 2**20 + 1, 0), (0, 0, 0)),
     "pad: before must be 0 to 1048576 on axis 1 of x (4, 6, 3), got 1048577"),
    (lambda g, x: g.pad(x, (4, 0, 0), (0, 0, 0), "mirror"),
     "pad: before must be 0 to 3 on axis 0 of x (4, 6, 3), got 4"),
    (lambda g, x: g.pad(x, (4, 0, 0), (5, 0, 0), "mirror_with_edge"),
     "pad: after must be 0 to 4 on axis 0 of x (4, 6, 3), got 5"),
    (lambda g, x: g.pad(x, (0, 0, 0), (0, 0, 0), "wrap"), "pad: mode must be 'constant', 'clamp', "),
    (lambda g, x: g.pad(x, (0, 0, 0), (0, 0, 0), value=float("inf")), "pad: value must be finite"),
    (lambda g, x: g.pad(x, (0, 0, 0), (0, 0, 0), value=1e300), "pad: value must be finite, got inf"),
    (lambda g, x: g.pad(x, *[(2**20,) * 3] * 2), "is too large"),
    (lambda g, x: g.zero_pad2d(x, (1, 2)), "zero_pad2d: padding must be one integer or (top, bot"),
    (lambda g, x: g.zero_pad2d(x, -1), "zero_pad2d: padding must be from 0 to 2147483647, got -1"),
    (lambda g, x: g.zero_pad2d(g.flatten(x), 1), "zero_pad2d: x must be an image (H, W, C), got (72,"),
    (lambda g, x: g.crop2d(x, 2), "crop2d: cropping 2 leaves nothing of x (4, 6, 3)"),
    (lambda g, x: g.transpose(x, 0, 1), "transpose: order must have one number for each of 3 axes"),
    (lambda g, x: g.transpose(x, 0, 1, 1), "transpose: order must name each of the 3 axes of x"),
    (lambda g, x: g.transpose(x, 0, 1, 3), "transpose: order must name each of the 3 axes of x"),
    (lambda g, x: layers.Concatenate()([]), "concat: takes at least 1 input, got 0"),
    (lambda g, x: g.concat([x, g.parameter(4, 6, 3)]), "concat: x[1] (4, 6, 3) must have a batch"),
    (lambda g, x: g.upsample(g.flatten(x), 2), "upsample: x must be an image (H, W, C), got (72,)"),
    (lambda g, x: g.upsample(x, 0), "upsample: scale must be from 1"),
    (lambda g, x: g.upsample(x, 2**20), "resize: size must be 1 to 1048576 on both axes, got (419"),
    (lambda g, x: g.upsample(x, 2**30), "upsample: size must be from 1 to 2147483647"),
    (lambda g, x: g.upsample(x, 2, "cubic"), "upsample: mode must be 'nearest' or 'bilinear', got"),
    (lambda g, x: g.resize_bilinear(x, 0, 3), "resize_bilinear: size must be from 1"),
    (lambda g, x: g.resize_nearest(x, 2, 3, align_corners=True, half_pixel=True),
     "resize_nearest: align_corners and half_pixel must not both be True"),
    (lambda g, x: g.resize_bilinear(g.flatten(x), 2, 3), "resize: x must be an image (H, W, C)"),
    (lambda g, x: g.resize_bilinear(g.parameter(4, 6, 3), 2, 3), "resize: x (4, 6, 3) must have a b"),
    (lambda g, x: g.crop_and_resize(x, g.input(3, 5), 2, 2),
     "crop_and_resize: boxes must be (R, 4), got (3, 5)"),
    (lambda g, x: g.crop_and_resize(x, g.parameter(3, 4), 2, 2), "crop_and_resize: boxes (3, 4) must"),
    (lambda g, x: g.crop_and_resize(x, g.input(3, 4), 2, 2**21), "crop_and_resize: size must be 1 to"),
    (lambda g, x: g.grid_sample(x, x), "grid_sample: grid must be (H', W', 2), got (4, 6, 3)"),
    (lambda g, x: g.grid_sample(x, g.input(2, 2, 2), "mirror"), "grid_sample: padding must be 'zero'"),
    (lambda g, x: g.reduce_sum(x, 3), "sum: axis must be from -3 to 2, got 3"),
    (lambda g, x: g.reduce_mean(x, (0, -4)), "mean: axis must be from -3"),
    (lambda g, x: g.reduce_max(x, (0, -3)), "max: axis must not name one twice, got (0, -3)"),
    (lambda g, x: g.reduce_min(x, ()), "min: axes of x (4, 6, 3) must be at least one, got none"),
    (lambda g, x: g.reduce_sum(g.input()), "sum: axes of x () must be at least one, got none"),
    (lambda g, x: g.argmax(x, 2**40), "argmax: axis must be from -3 to 2147483647"),
    (lambda g, x: g.relu(g.argmax(x)), "relu: x (4, 6) must be float32, got int32"),
    (lambda g, x: g.argmin(g.input(2**16, 2**16), None),
     "argmin: axes (0, 1) of x (65536, 65536) must have less than 2^31 elements, got 4294967296"),
]  # fmt: skip

TYPE_ERRORS: list[tuple[Callable[[Graph, Any], Any], str]] = [
    (lambda g, x: x["a"], "slice: index must be an integer, got 'a'"),
    (lambda g, x: x[True], "slice: index must be an integer, got True"),
    (lambda g, x: x[None], "slice: index must be of integers and slices, got None"),
    (lambda g, x: x[0.5:], "slice: start must be an integer, got 0.5"),
    (lambda g, x: g.slice(x, 0, 1), "slice: start must be a tuple or list, got 0"),
    (lambda g, x: g.slice([1, 2], (0,), (1,)), "slice: x must be a Value, got list"),
    (lambda g, x: g.pad(x, 1, 1), "pad: before must be a tuple or list, got 1"),
    (lambda g, x: g.pad(x, (0, 0, 0.5), (0, 0, 0)), "pad: before must be an integer, got 0.5"),
    (lambda g, x: g.pad(x, (0, 0, 0), (0, 0, 0), value="0"), "pad: value must be a number, got '0'"),
    (lambda g, x: g.transpose(x, 0, 1, None), "transpose: order must be an integer, got None"),
    (lambda g, x: g.stop_gradient(3), "stop_gradient: x must be a Value, got int"),
    (lambda g, x: g.crop2d(x, "1"), "crop2d: cropping must be an integer, got '1'"),
    (lambda g, x: g.upsample(x, 1.5), "upsample: scale must be an integer, got 1.5"),
    (lambda g, x: g.grid_sample(x, None), "grid_sample: grid must be a Value, got NoneType"),
    (lambda g, x: g.crop_and_resize(x, 3, 1, 1), "crop_and_resize: boxes must be a Value, got int"),
    (lambda g, x: g.reduce_sum(x, 1.0), "sum: axis must be an integer, got 1.0"),
    (lambda g, x: g.reduce_sum(x, "01"), "sum: axis must be an integer, got '0'"),
    (lambda g, x: layers.Concatenate()(x), "concat: values must be a sequence, got Value"),
    (lambda g, x: layers.UpSampling2d()(3), "upsample: x must be a Value, got int"),
]  # fmt: skip


def refused(build: Callable[[Graph, Any], Any], kind: type[Exception], message: str) -> None:
    g = Graph()
    x = image(g)
    with pytest.raises(kind, match=re.escape(message)):
        build(g, x)
    text = str(g)
    assert not re.search(message.split(":")[0] + r"\(", text), "the op is in the graph"


@pytest.mark.parametrize(("build", "message"), SHAPE_ERRORS, ids=[m for _, m in SHAPE_ERRORS])
def test_a_wrong_number_or_shape_is_refused(build: Any, message: str) -> None:
    refused(build, ShapeError, message)


@pytest.mark.parametrize(("build", "message"), TYPE_ERRORS, ids=[m for _, m in TYPE_ERRORS])
def test_a_wrong_type_is_refused(build: Any, message: str) -> None:
    refused(build, TypeError, message)


@pytest.mark.parametrize("index", [4, -5, (0, 6), (..., -4), 2**40])
def test_an_int_outside_of_its_axis_is_an_index_error(index: Any) -> None:
    with pytest.raises(IndexError, match=r"slice: index -?\d+ is outside of axis \d of x \(4, 6"):
        image(Graph())[index]
