"""Convolutions: a mistake names op and argument, and leaves the graph as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mpsnn import Graph, ShapeError, Value, layers


def weight(g: Graph, *shape: int) -> Value:
    return g.parameter(*shape, name="w")


SHAPE_ERRORS: list[tuple[tuple[int, ...], Callable[..., Any], str]] = [
    # conv2d
    ((4, 3, 3, 3), lambda g, x, w: g.conv2d(x, w, accumulator="double"),
     "conv2d: accumulator must be 'single' or 'half', got 'double'"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv2d(x, w, stride=2**20 + 1),
     "conv2d: stride must be 1 to 1048576 on both axes, got (1048577, 1048577)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv2d(x, w, dilation=3, padding="valid"),
     "conv2d: weight (4, 3, 3, 3) with dilation (3, 3) does not fit in the padded x (5, 6, 3)"),
    # conv_transpose2d
    ((4, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w),
     "conv_transpose2d: weight must be (O, K.h, K.w, C / groups), got (4, 3, 3)"),
    ((4, 3, 3, 2), lambda g, x, w: g.conv_transpose2d(x, w),
     "conv_transpose2d: weight (4, 3, 3, 2) must read C / groups = 3 channels of x (5, 6, 3), got 2"),
    ((4, 3, 3, 1), lambda g, x, w: g.conv_transpose2d(x, w, groups=3),
     "conv_transpose2d: weight (4, 3, 3, 1) must have a multiple of groups = 3 output channels"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, groups=2),
     "conv_transpose2d: x (5, 6, 3) must have a multiple of groups = 2 channels, got 3"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, groups=0),
     "conv_transpose2d: groups must be from 1"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, w),
     "conv_transpose2d: bias must be (4,) for weight (4, 3, 3, 3), got (4, 3, 3, 3)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(w, w),
     "conv_transpose2d: x (4, 3, 3, 3) must have a batch axis"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(g.flatten(x), w),
     "conv_transpose2d: x must be an image (H, W, C), got (90,)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, output_padding=1),
     "conv_transpose2d: output_padding must be (0, 0) with padding 'same', got (1, 1)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, stride=2, padding=0, output_padding=2),
     "output_padding must be less than the stride (2, 2) or the dilation (1, 1), got (2, 2)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, padding=0, output_padding=(0, -1)),
     "conv_transpose2d: output_padding must be from 0 to 2147483647, got -1"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, padding=0, output_padding=(1, 2, 3)),
     "conv_transpose2d: output_padding must be one integer or two, got (1, 2, 3)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, padding=4),
     "conv_transpose2d: padding (4, 4, 4, 4) must leave something of the result of x (5, 6, 3)"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, padding=2**20 + 1),
     "conv_transpose2d: padding must be 0 to 1048576 on every side"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, stride=2**20 + 1),
     "conv_transpose2d: stride must be 1 to 1048576 on both axes"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, stride=2**20), "is too large"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, padding="full"),
     "conv_transpose2d: padding must be 'same', 'valid' or numbers, got 'full'"),
    ((4, 3, 3, 3), lambda g, x, w: g.conv_transpose2d(x, w, accumulator=1),
     "conv_transpose2d: accumulator must be 'single' or 'half', got 1"),
    # depthwise_conv2d
    ((4, 3, 3, 1), lambda g, x, w: g.depthwise_conv2d(x, w),
     "depthwise_conv2d: weight must be (3 * multiplier, K.h, K.w, 1) for x (5, 6, 3), got (4, 3, "),
    ((3, 3, 3, 3), lambda g, x, w: g.depthwise_conv2d(x, w),
     "depthwise_conv2d: weight must be (3 * multiplier, K.h, K.w, 1) for x (5, 6, 3), got (3, 3, "),
    ((3, 3, 3, 1), lambda g, x, w: g.depthwise_conv2d(g.flatten(x), w),
     "depthwise_conv2d: x must be an image (H, W, C), got (90,)"),
    # conv1d
    ((4, 3, 3), lambda g, x, w: g.conv1d(x, w), "conv1d: x must be a sequence (T, C), got (5, 6, 3)"),
    ((4, 1, 3, 3), lambda g, x, w: g.conv1d(x[0], w),
     "conv1d: weight must be (O, K, C / groups), got (4, 1, 3, 3)"),
    ((4, 3, 2), lambda g, x, w: g.conv1d(x[0], w),
     "conv1d: weight (4, 3, 2) must read C / groups = 3 channels of x (6, 3), got 2"),
    ((4, 3, 3), lambda g, x, w: g.conv1d(x[0], w, groups=2),
     "conv1d: groups must divide the channels of x (6, 3) and the outputs of weight (4, 3, 3), got 2"),
    ((4, 3), lambda g, x, w: g.conv1d(w, w), "conv1d: x (4, 3) must have a batch axis"),
    ((4, 3), lambda g, x, w: g.conv1d(x[0], x[0]), "conv1d: weight (6, 3) must have no batch axis"),
    ((4, 3, 3), lambda g, x, w: g.conv1d(x[0], w, w), "conv1d: bias must be (4,) for weight (4, 3, 3), got"),
    ((4, 7, 3), lambda g, x, w: g.conv1d(x[0], w, padding="valid"),
     "weight (4, 1, 7, 3) with dilation (1, 1) does not fit in the padded x (1, 6, 3)"),
    ((4, 3, 3), lambda g, x, w: g.conv1d(x[0], w, padding=(1, 2, 3)),
     "conv1d: padding must be one integer or (before, after), got (1, 2, 3)"),
    ((4, 3, 3), lambda g, x, w: g.conv1d(x[0], w, stride=0), "conv1d: stride must be from 1"),
    ((4, 3, 3), lambda g, x, w: g.conv1d(x[0], w, accumulator="x"), "accumulator must be 'single' or"),
    # layers
    ((1,), lambda g, x, w: layers.ConvTranspose2d(4, 3, groups=3)(x),
     "conv_transpose2d: groups must divide the channels of x (5, 6, 3) and the 4 output channels"),
    ((1,), lambda g, x, w: layers.ConvTranspose2d(0, 3)(x), "conv_transpose2d: channels must be from 1"),
    ((1,), lambda g, x, w: layers.ConvTranspose2d(1, 3, padding=9)(x), "conv_transpose2d: padding (9,"),
    ((1,), lambda g, x, w: layers.Conv1d(4, 3)(x), "conv1d: x must be a sequence (T, C), got (5, 6, 3)"),
    ((1,), lambda g, x, w: layers.Conv1d(4, 0)(x), "conv1d: kernel must be from 1"),
    ((1,), lambda g, x, w: layers.Conv1d(4, 3, groups=2)(x[0]), "conv1d: groups must divide the chan"),
    ((1,), lambda g, x, w: layers.DepthwiseConv2d(3, multiplier=0)(x),
     "depthwise_conv2d: multiplier must be from 1"),
    ((1,), lambda g, x, w: layers.DepthwiseConv2d(3)(g.flatten(x)),
     "depthwise_conv2d: x (90,) must be an image (H, W, C)"),
    ((1,), lambda g, x, w: layers.SeparableConv2d(0, 3)(x), "separable_conv2d: channels must be from 1"),
    ((1,), lambda g, x, w: layers.SeparableConv2d(4, (3, 3, 3))(x), "separable_conv2d: kernel must be"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "build", "text"), SHAPE_ERRORS, ids=range(len(SHAPE_ERRORS)))
def test_a_mistake_is_named_and_leaves_the_graph_as_it_was(
    shape: tuple[int, ...], build: Callable[..., Any], text: str
) -> None:
    g = Graph()
    x, w = g.input(5, 6, 3), weight(g, *shape)
    values = {"flat": g.flatten(x), "row": x[0]}
    before = str(g)
    # What the row itself prepares, x[0] or flatten(x), is there already.
    g.flatten = lambda _: values["flat"]  # type: ignore[method-assign]
    g.item = lambda *_: values["row"]  # type: ignore[method-assign]
    with pytest.raises(ShapeError, match=re.escape(text)):
        build(g, x, w)
    assert str(g) == before


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda g, x, w: g.conv_transpose2d(x, 3), "conv_transpose2d: weight must be a Value, got int"),
        (lambda g, x, w: g.conv_transpose2d(x, w, stride=1.5), "conv_transpose2d: stride must be an"),
        (lambda g, x, w: g.conv_transpose2d(x, w, output_padding=True),
         "conv_transpose2d: output_padding must be an integer, got True"),
        (lambda g, x, w: g.depthwise_conv2d(x, None), "depthwise_conv2d: weight must be a Value"),
        (lambda g, x, w: g.conv1d(None, w), "conv1d: x must be a Value, got NoneType"),
        (lambda g, x, w: g.conv1d(x, w, stride=(1, 2)), "conv1d: stride must be an integer"),
        (lambda g, x, w: layers.Conv1d(3, 3)(3), "conv1d: x must be a Value, got int"),
        (lambda g, x, w: layers.SeparableConv2d(3, 3)(3), "separable_conv2d: x must be a Value"),
    ],
)  # fmt: skip
def test_what_is_no_value_or_number_is_a_type_error(build: Callable[..., Any], text: str) -> None:
    g = Graph()
    x, w = g.input(5, 6, 3), weight(g, 4, 3, 3, 3)
    before = str(g)
    with pytest.raises(TypeError, match=re.escape(text)):
        build(g, x, w)
    assert str(g) == before
