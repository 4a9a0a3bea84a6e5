"""What is made of other ops, as methods of a graph."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.arguments import Pair
from mpsnn.sources import ArraySource
from mpsnn.values import Value
from mpsnn.vocabulary.arithmetic import Arithmetic
from mpsnn.vocabulary.layout import Layout
from mpsnn.vocabulary.reductions import Reductions

Steps = Literal["columns", "rows"]
"""What the steps of a sequence are in an image."""


class Composed(Layout, Arithmetic, Reductions):
    """Ops that are graphs of others, and so have their gradients."""

    def depth_to_space(self, x: Value, block: int, *, name: str | None = None) -> Value:
        """(H, W, b * b * C) to (b * H, b * W, C): channel (i * b + j) * C + c goes to pixel (i, j).

        Behind a `conv2d` it is a sub-pixel convolution (MPS: subPixelScaleFactor).
        Source: Shi et al., CVPR 2016; the order of channels is TensorFlow's, PyTorch's
        pixel_shuffle has c first.

        Args:
            x: Image, (H, W, b * b * C).
            block: b, the side of the square of pixels that one becomes.
            name: Of the node.

        Raises:
            ShapeError: If `block` squared does not divide the channels.
        """
        height, width, channels = self._image_of("depth_to_space", x)
        b = arguments.integer("depth_to_space", "block", block, 1)
        if channels % (b * b):
            raise ShapeError(
                f"depth_to_space: block {b} squared must divide the channels of x {x.shape}"
            )
        rows = self.transpose(self.reshape(x, height, width, b, channels // b), 0, 2, 1, 3)
        return self.reshape(rows, height * b, width * b, channels // (b * b), name=name)

    def space_to_depth(self, x: Value, block: int, *, name: str | None = None) -> Value:
        """The inverse of `depth_to_space`: (b * H, b * W, C) to (H, W, b * b * C).

        Raises:
            ShapeError: If `block` does not divide height and width.
        """
        height, width, channels = self._image_of("space_to_depth", x)
        b = arguments.integer("space_to_depth", "block", block, 1)
        if height % b or width % b:
            raise ShapeError(
                f"space_to_depth: block {b} must divide height and width of x {x.shape}"
            )
        rows = self.reshape(x, height // b, b, width // b, b * channels)
        squares = self.transpose(rows, 0, 2, 1, 3)
        return self.reshape(squares, height // b, width // b, b * b * channels, name=name)

    def image_to_matrix(
        self, x: Value, steps: Steps = "columns", *, name: str | None = None
    ) -> Value:
        """An image as a sequence: (H, W, C) to (W, H * C), or by "rows" to (H, W * C).

        The elements of a step are in row-major order of the axes that are left. The rows of an
        image, and the columns of one with a single row, are the same memory under another name.
        MPS calls it MPSImageCopyToMatrix, there with the channels first or last.

        Args:
            x: Image, (H, W, C).
            steps: What becomes the steps.
            name: Of the nodes.

        Raises:
            ShapeError: If `x` is no image.
        """
        kind = "image_to_matrix"
        height, width, channels = self._image_of(kind, x)
        if arguments.choice(kind, "steps", steps, ("columns", "rows")) == "rows":
            return self.reshape(x, height, width * channels, name=name)
        columns = x if height == 1 else self.transpose(x, 1, 0, 2, name=name)
        return self.reshape(columns, width, height * channels, name=name)

    def matrix_to_image(
        self,
        x: Value,
        channels: int | None = None,
        steps: Steps = "columns",
        *,
        name: str | None = None,
    ) -> Value:
        """The inverse of `image_to_matrix`: (T, K * C) to (K, T, C), or by "rows" to (T, K, C).

        MPS calls it MPSMatrixCopyToImage.

        Args:
            x: Sequence, (T, K * C).
            channels: C. None: all that a step has, which gives one row, (1, T, C).
            steps: What the steps become.
            name: Of the nodes.

        Raises:
            ShapeError: If `x` is no sequence, or `channels` does not divide its second axis.
        """
        kind = "matrix_to_image"
        self.check(kind, "x", x)
        if len(x.shape) != 2 or not self.core.batched(x.id) or x.dtype != "float32":
            raise ShapeError(f"{kind}: x must be a sequence (T, K), float32, got {x!r}")
        length, size = x.shape
        depth = size if channels is None else arguments.integer(kind, "channels", channels, 1)
        if size % depth:
            raise ShapeError(f"{kind}: channels {depth} must divide the last axis of x {x.shape}")
        if arguments.choice(kind, "steps", steps, ("columns", "rows")) == "rows":
            return self.reshape(x, length, size // depth, depth, name=name)
        if depth == size:
            return self.reshape(x, 1, length, depth, name=name)
        image = self.reshape(x, length, size // depth, depth, name=name)
        return self.transpose(image, 1, 0, 2, name=name)

    def local_correlation(
        self,
        a: Value,
        b: Value,
        window: Pair,
        *,
        stride: Pair = 1,
        name: str | None = None,
    ) -> Value:
        """Sum over channels of a[h, w] * b[h + i * s.h, w + j * s.w], for offsets up to a window.

        Channel (i + K.h) * (2 * K.w + 1) + j + K.w is that of offset (i, j), with i from -K.h
        to K.h and j from -K.w to K.w; zeros outside. (H, W, C) to (H, W, offsets).

        Args:
            a: Image, (H, W, C).
            b: Image of the same shape.
            window: Largest offset, K, in strides.
            stride: Step of the offsets, in pixels.
            name: Of the node.

        Raises:
            ShapeError: If the shapes differ or are no images.
        """
        kind = "local_correlation"
        height, width, _ = self._image_of(kind, a)
        self.check(kind, "b", b)
        if b.shape != a.shape or b.dtype != "float32":
            raise ShapeError(f"{kind}: b must be {a.shape} as a, float32, got {b!r}")
        pairs = window if isinstance(window, tuple | list) else (window, window)
        if len(pairs) != 2:
            raise ShapeError(f"{kind}: window must be one integer or two, got {window!r}")
        k_h, k_w = (arguments.integer(kind, "window", k) for k in pairs)
        s_h, s_w = arguments.pair(kind, "stride", stride)
        around = self.zero_pad2d(b, (k_h * s_h, k_h * s_h, k_w * s_w, k_w * s_w))
        offsets = [
            self.reduce_sum(a * around[i : i + height, j : j + width], -1, keep_axes=True)
            for i in range(0, 2 * k_h * s_h + 1, s_h)
            for j in range(0, 2 * k_w * s_w + 1, s_w)
        ]
        return self.concat(offsets, name=name)

    def resize_lanczos(
        self, x: Value, height: int, width: int, *, name: str | None = None
    ) -> Value:
        """Image `x` at another size, by a Lanczos filter of three lobes.

        Pixel centres as `half_pixel` of `resize_bilinear`; where the image gets smaller the
        filter gets wider, and outside of it is the edge. Two products with matrices, which are
        parameters that training does not change.

        Args:
            x: Image, (H, W, C).
            height: Of the result, H'.
            width: Of the result, W'.
            name: Of the nodes and parameters.

        Returns:
            (H', W', C).

        Raises:
            ShapeError: If `x` is no image or a number is not positive.
        """
        kind = "resize_lanczos"
        h, w, channels = self._image_of(kind, x)
        high = arguments.integer(kind, "height", height, 1)
        wide = arguments.integer(kind, "width", width, 1)
        shapes = {"rows": (high, h), "columns": (wide, w)}
        with self.naming(kind, name) as label:
            filters = ArraySource(rows=_lanczos(h, high), columns=_lanczos(w, wide))
            own = self.parameters(filters, shapes, name=label, frozen=tuple(shapes))
            tall = self.matmul(own["rows"], self.reshape(x, h, w * channels))
            return self.matmul(own["columns"], self.reshape(tall, high, w, channels), name=label)

    def _image_of(self, kind: str, x: Value) -> tuple[int, int, int]:
        self.check(kind, "x" if kind != "local_correlation" else "a", x)
        if len(x.shape) != 3 or not self.core.batched(x.id) or x.dtype != "float32":
            raise ShapeError(f"{kind}: x must be an image (H, W, C), float32, got {x!r}")
        height, width, channels = x.shape
        return height, width, channels


def _lanczos(extent: int, size: int) -> NDArray[np.float32]:
    """Each of `size` results as weights of `extent` pixels."""
    scale = max(1.0, extent / size)
    reach = int(np.ceil(3 * scale)) + 1
    weights = np.zeros((size, extent))
    for i in range(size):
        centre = (i + 0.5) * extent / size - 0.5
        pixels = np.arange(int(centre) - reach, int(centre) + reach + 1)
        distance = (pixels - centre) / scale
        lobes = np.where(abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
        np.add.at(weights[i], pixels.clip(0, extent - 1), lobes / lobes.sum())
    return weights.astype(np.float32)
