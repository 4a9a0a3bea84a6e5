"""Other views of a picture, with its boxes where its objects then are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.boxes import Boxes, areas, checked

Image: TypeAlias = NDArray[np.uint8]
Pair: TypeAlias = tuple[float, float]


def mirror(image: Image, boxes: ArrayLike) -> tuple[Image, Boxes]:
    """The picture (H, W, C) and its boxes with left and right exchanged."""
    xmin, ymin, xmax, ymax = checked("mirror", "boxes", boxes).T
    width = image.shape[1]
    return image[:, ::-1], np.stack([width - xmax, ymin, width - xmin, ymax], axis=1)


def quarter_turns(image: Image, boxes: ArrayLike, turns: int = 1) -> tuple[Image, Boxes]:
    """The picture (H, W, C) and its boxes turned `turns` times by 90 degrees, to the left."""
    corners = checked("quarter_turns", "boxes", boxes)
    width = image.shape[1]
    for _ in range(turns % 4):
        xmin, ymin, xmax, ymax = corners.T
        corners = np.stack([ymin, width - xmax, ymax, width - xmin], axis=1)
        image = np.rot90(image)
        width = image.shape[1]
    return image, corners


def crop(
    image: Image,
    boxes: ArrayLike,
    window: tuple[float, float, float, float],
    *,
    min_visible: float = 0.5,
) -> tuple[Image, Boxes]:
    """A window of the picture, resampled to the size of the picture.

    Pixels are mixed of the four nearest; the mean colour of the picture is around it. Boxes are
    cut at the edges of the window.

    Args:
        image: uint8 (H, W, C).
        boxes: (M, 4).
        window: Its xmin, ymin, xmax, ymax in pixels; it may go beyond the picture.
        min_visible: Share of its area that a box must have in the window to stay.

    Raises:
        ShapeError: If the window or a box has no such corners.
    """
    corners = checked("crop", "boxes", boxes)
    (left, top, right, bottom), *_ = checked("crop", "window", [window]).tolist()
    if not (left < right and top < bottom):
        raise ShapeError(f"crop: window must not be empty, got {window}")
    height, width = image.shape[:2]
    rows, columns = _taps(top, bottom, height), _taps(left, right, width)
    fill = _mean_colour(image)
    view = _mix(_mix(image.astype(np.float32), rows, fill, 0), columns, fill, 1)
    scale = np.array([width / (right - left), height / (bottom - top)] * 2, np.float32)
    moved = (corners - np.array([left, top] * 2, np.float32)) * scale
    cut = np.clip(moved, 0, np.array([width, height] * 2, np.float32))
    visible = areas(cut) > min_visible * areas(moved)
    return np.rint(view).astype(np.uint8), cut[visible]


def relight(image: Image, gain: ArrayLike, offset: float) -> Image:
    """The picture with its contrast around mid-grey times `gain`, and brighter by `offset`.

    Args:
        image: uint8 (H, W, C).
        gain: One number, or one for each channel, (C,).
        offset: In the units of the picture, 0 to 255.

    Raises:
        ShapeError: If `gain` or `offset` is not finite, or has another shape.
        TypeError: If one of them is no number.
    """
    gains, offsets = _light("gain", gain, image), _light("offset", offset, image)
    level = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip((level - 128) * gains + 128 + offsets, 0, 255)
    table = np.broadcast_to(np.rint(table).astype(np.uint8), (256, image.shape[-1]))
    return np.stack([table[:, c][image[..., c]] for c in range(image.shape[-1])], axis=-1)


def _light(argument: str, value: ArrayLike, image: Image) -> NDArray[np.float64]:
    """`value` for every channel."""
    array = np.atleast_1d(arguments.array("relight", argument, value, np.float64))
    if array.shape not in ((1,), image.shape[-1:]) or not np.isfinite(array).all():
        raise ShapeError(
            f"relight: {argument} must be one finite number, or one for each channel of image "
            f"{image.shape}, got {value!r}"
        )
    return array


@dataclass(frozen=True)
class Augmentation:
    """Random views: mirrored, turned by quarters, scaled, moved, in another light.

    Args:
        zoom: Smallest and largest side of the window seen, as a share of the picture's.
        shift: How far the window's centre goes from the picture's at most, as a share of it.
        contrast: How far the gain of all channels goes from 1 at most.
        colour: How far the gain of each channel goes from that at most.
        brightness: How far the offset of all channels goes from 0 at most, of 255.
        tint: How far the offset of each channel goes from that at most.
        min_visible: As of `crop`.

    Raises:
        ShapeError: If a number is not accepted.
    """

    zoom: Pair = (0.7, 1.2)
    shift: float = 0.15
    contrast: float = 0.35
    colour: float = 0.15
    brightness: float = 30.0
    tint: float = 20.0
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        op = "augmentation"
        low, high = (arguments.positive(op, "zoom", side) for side in self.zoom)
        if low > high:
            raise ShapeError(f"{op}: zoom must be (smallest, largest), got {self.zoom}")
        for argument in ("shift", "contrast", "colour", "brightness", "tint", "min_visible"):
            arguments.not_negative(op, argument, getattr(self, argument))

    def __call__(
        self, image: Image, boxes: ArrayLike, rng: np.random.Generator
    ) -> tuple[Image, Boxes]:
        """One view of a square picture, uint8 (H, H, C), and its boxes there.

        Raises:
            ShapeError: If the picture is not square, or a box is none.
        """
        if image.ndim != 3 or image.shape[0] != image.shape[1]:
            raise ShapeError(f"augmentation: image must be (H, H, C), got {image.shape}")
        if rng.integers(2):
            image, boxes = mirror(image, boxes)
        image, boxes = quarter_turns(image, boxes, int(rng.integers(4)))
        size = image.shape[0]
        side = size * rng.uniform(*self.zoom)
        x, y = size * (0.5 + rng.uniform(-self.shift, self.shift, 2)) - side / 2
        window = (x, y, x + side, y + side)
        image, corners = crop(image, boxes, window, min_visible=self.min_visible)
        gain = 1 + rng.uniform(-self.contrast, self.contrast)
        gains = gain + rng.uniform(-self.colour, self.colour, image.shape[-1])
        offset = rng.uniform(-self.brightness, self.brightness) + rng.uniform(
            -self.tint, self.tint, image.shape[-1]
        )
        return relight(image, gains, offset), corners


def _taps(low: float, high: float, size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where `size` equal steps from low to high fall on pixels: the first of two, and a share.

    Pixel i covers i to i + 1, so its centre is at i + 1/2. Positions are those of a picture with
    one pixel of fill before and after it, which all beyond are.
    """
    at = low + (np.arange(size) + 0.5) * (high - low) / size + 0.5
    at = np.clip(at, 0, size + 1)
    first = np.minimum(at.astype(np.intp), size)
    return first, (at - first).astype(np.float32)


def _mix(
    image: NDArray[np.float32],
    taps: tuple[NDArray[Any], NDArray[Any]],
    fill: NDArray[np.float32],
    axis: int,
) -> NDArray[np.float32]:
    """Interpolate along rows or columns, with `fill` before and after."""
    first, share = taps
    margin = [(0, 0)] * 3
    margin[axis] = (1, 1)
    padded = np.pad(image, margin)
    padded[(slice(None),) * axis + ([0, -1],)] = fill
    near, far = padded.take(first, axis), padded.take(first + 1, axis)
    # Rows of pixels and channels: numpy is slow where the last axis is the few channels.
    size, channels = len(near), near.shape[-1]
    weight = share[:, None] if axis == 0 else np.repeat(share, channels)
    low, high = near.reshape(size, -1), far.reshape(size, -1)
    high -= low
    high *= weight
    high += low
    return far


def _mean_colour(image: Image) -> NDArray[np.float32]:
    rows = image.reshape(image.shape[0], -1).sum(axis=0, dtype=np.float32)
    return np.asarray(rows.reshape(image.shape[1:]).mean(axis=0) / image.shape[0])
