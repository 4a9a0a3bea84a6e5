"""Resizing and sampling of images, as methods of a graph."""

from __future__ import annotations

from typing import Literal

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.arguments import Pair
from mpsnn.inputs import Inputs
from mpsnn.values import Value

ResizeMode = Literal["nearest", "bilinear"]
"""Which pixels a resized one is made of: one, or the four around its position."""

GridPadding = Literal["zero", "clamp"]
"""What is outside of a sampled image: zeros, or its edge."""


class Sampling(Inputs):
    """The sampling ops of a graph."""

    def upsample(
        self,
        x: Value,
        scale: Pair,
        mode: ResizeMode = "nearest",
        *,
        align_corners: bool = False,
        name: str | None = None,
    ) -> Value:
        """Image `x` made larger by whole numbers, (H, W, C) to (H * scale, W * scale, C).

        Pixel i reads x at i / scale, as MPS and TensorFlow 1; bilinear upsampling then differs
        from PyTorch and Keras, which `resize_bilinear` with `half_pixel` agrees with.

        Args:
            x: Image, (H, W, C).
            scale: Of both axes, or of (rows, columns), at least 1.
            mode: "nearest" repeats pixels; "bilinear" weighs the four around a position.
            align_corners: Whether the corner pixels of both images coincide.
            name: Of the node.

        Raises:
            ShapeError: If `x` is no image, or a number is not accepted.
        """
        height, width, _ = self._image("upsample", x)
        rows, columns = arguments.pair("upsample", "scale", scale)
        size = (height * rows, width * columns)
        return self._resize("upsample", x, size, mode, align_corners, False, name)

    def resize_bilinear(
        self,
        x: Value,
        height: int,
        width: int,
        *,
        align_corners: bool = False,
        half_pixel: bool = False,
        name: str | None = None,
    ) -> Value:
        """Image `x` at another size, (H, W, C) to (height, width, C), by bilinear interpolation.

        Args:
            x: Image, (H, W, C).
            height: Of the result.
            width: Of the result.
            align_corners: Pixel i reads x at i * (H - 1) / (height - 1).
            half_pixel: Pixel i reads x at (i + 1/2) * H / height - 1/2, as in PyTorch and Keras.
                With neither it is i * H / height, as in MPS and TensorFlow 1.
            name: Of the node.

        Raises:
            ShapeError: If `x` is no image, or both rules are asked for.
        """
        return self._resize(
            "resize_bilinear", x, (height, width), "bilinear", align_corners, half_pixel, name
        )

    def resize_nearest(
        self,
        x: Value,
        height: int,
        width: int,
        *,
        align_corners: bool = False,
        half_pixel: bool = False,
        name: str | None = None,
    ) -> Value:
        """Image `x` at another size, each pixel that at the floor of its position.

        Arguments and positions as `resize_bilinear`; with `half_pixel` it is the floor of
        (i + 1/2) * H / height.

        Raises:
            ShapeError: If `x` is no image, or both rules are asked for.
        """
        return self._resize(
            "resize_nearest", x, (height, width), "nearest", align_corners, half_pixel, name
        )

    def crop_and_resize(
        self, x: Value, boxes: Value, height: int, width: int, *, name: str | None = None
    ) -> Value:
        """Regions of an image, each resized bilinearly, (H, W, C) to (R, height, width, C).

        Pixel i of a region reads x at top * (H - 1) + i * (bottom - top) * (H - 1) / (height - 1),
        or in the middle of the box if height is 1, as in TensorFlow. A pixel outside of the
        image is 0. Differentiable in both `x` and `boxes`.

        Args:
            x: Image, (H, W, C).
            boxes: (R, 4): top, left, bottom, right, in fractions of the image.
            height: Of each region.
            width: Of each region.
            name: Of the node.

        Raises:
            ShapeError: If a shape or number is not accepted.
        """
        size = arguments.pair("crop_and_resize", "size", (height, width))
        return self._add("crop_and_resize", ops.CropAndResize(size), name, x=x, boxes=boxes)

    def grid_sample(
        self,
        x: Value,
        grid: Value,
        padding: GridPadding = "zero",
        *,
        align_corners: bool = False,
        name: str | None = None,
    ) -> Value:
        """`x` read at the positions of a grid, bilinearly, (H, W, C) to (H', W', C).

        Differentiable in both `x` and `grid`. Jaderberg et al., Spatial Transformer Networks,
        NeurIPS 2015.

        Args:
            x: Image, (H, W, C).
            grid: (H', W', 2): horizontal and vertical position, each -1 to 1.
            padding: Outside of the image are zeros, or its edge ("clamp").
            align_corners: Whether -1 and 1 are the centres of the edge pixels, or their outer
                sides.
            name: Of the node.

        Raises:
            ShapeError: If a shape is not accepted.
        """
        arguments.choice("grid_sample", "padding", padding, ("zero", "clamp"))
        op = ops.GridSample(padding, bool(align_corners))
        return self._add("grid_sample", op, name, x=x, grid=grid)

    def _image(self, op: str, x: Value) -> tuple[int, ...]:
        self.check(op, "x", x)
        if len(x.shape) != 3:
            raise ShapeError(f"{op}: x must be an image (H, W, C), got {x.shape}")
        return x.shape

    def _resize(
        self,
        op: str,
        x: Value,
        size: tuple[int, int],
        mode: ResizeMode,
        align_corners: bool,
        half_pixel: bool,
        name: str | None,
    ) -> Value:
        arguments.choice(op, "mode", mode, ("nearest", "bilinear"))
        if align_corners and half_pixel:
            raise ShapeError(f"{op}: align_corners and half_pixel must not both be True")
        rule = "align_corners" if align_corners else "half_pixel" if half_pixel else "asymmetric"
        resize = ops.Resize(arguments.pair(op, "size", size), mode, rule)
        return self._add("resize", resize, name, x=x)
