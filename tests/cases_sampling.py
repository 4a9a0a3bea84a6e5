"""Cases of the sampling ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph, Value


def resize(kind: str, x: Shape, height: int, width: int, **options: Any) -> Case:
    build = {"nearest": Graph.resize_nearest, "bilinear": Graph.resize_bilinear}[kind]
    return Case("resize", build, (x,), options={"height": height, "width": width, **options})


def crop_inside(g: Graph, x: Value, boxes: Value, **size: int) -> Value:
    """Boxes within the image: every side is 0 to 1."""
    return g.crop_and_resize(x, g.softmax(boxes), **size)


def sample_inside(g: Graph, x: Value, grid: Value, **options: Any) -> Value:
    return g.grid_sample(x, g.softmax(grid), **options)


# Weights have kinks where a position crosses a pixel. Seeds are fixed, and with these shapes no
# sample lies so near to one that a finite difference moves it across.
CASES = [
    *(
        resize(kind, x, height, width, **rule)
        for kind in ("nearest", "bilinear")
        for rule in ({}, {"align_corners": True}, {"half_pixel": True})
        for x, height, width in (((3, 4, 2), 7, 5), ((5, 6, 1), 2, 3))
    ),
    resize("bilinear", (1, 1, 3), 3, 2),
    resize("bilinear", (4, 3, 2), 1, 1, align_corners=True),
    resize("bilinear", (3, 2, 17), 3, 2, half_pixel=True),
    Case("resize", Graph.upsample, ((2, 3, 2),), options={"scale": 2}),
    Case("resize", Graph.upsample, ((2, 3, 2),), options={"scale": (3, 1), "mode": "bilinear"}),
    Case("crop_and_resize", crop_inside, ((5, 6, 3), (2, 4)), options={"height": 3, "width": 4}),
    Case("crop_and_resize", Graph.crop_and_resize, ((5, 6, 2), (3, 4)),
         options={"height": 4, "width": 3}),
    Case("crop_and_resize", crop_inside, ((4, 5, 1), (1, 4)), options={"height": 1, "width": 2}),
    Case("crop_and_resize", crop_inside, ((1, 5, 2), (1, 4)), options={"height": 2, "width": 1}),
    *(
        Case("grid_sample", build, ((5, 4, channels), (2, 3, 2)),
             options={"padding": padding, "align_corners": align_corners})
        for build, channels in ((Graph.grid_sample, 2), (sample_inside, 17))
        for padding in ("zero", "clamp")
        for align_corners in (False, True)
    ),
    Case("grid_sample", Graph.grid_sample, ((1, 1, 1), (1, 2, 2))),
]  # fmt: skip
