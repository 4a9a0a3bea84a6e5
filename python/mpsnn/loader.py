"""Batches that a thread of the engine prepares while the step before them runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsnn import _core, arguments
from mpsnn import trace as traces
from mpsnn._core import ShapeError
from mpsnn.binding import array_of, bind_labels

Numbers: TypeAlias = float | Sequence[float] | NDArray[Any]
"""One number, or one per channel."""


class Loader:
    """Goes through images in batches: shuffled, augmented, normalised.

    A native thread prepares `prefetch` batches ahead, without the interpreter. Iterating gives one
    epoch, as pairs of images and labels. These are arrays of their own, which may be kept and
    changed; memory of those that you let go is used again.

    What an epoch gives depends on the arguments and the number of the epoch alone: not on
    threads, on the platform, or on what was iterated before. Each augmentation draws for each
    image and epoch anew, and independently of the others.

    Args:
        images: (M, ...), C-contiguous, uint8, int32 or float32. They are read in place: leave
            them unchanged while you iterate.
        labels: (M,) or (M, ...), integers or float32, copied if they are neither int32 nor
            float32. None: there are none.
        batch: Images per batch; the last one of an epoch has what is left.
        seed: Of order and augmentation, 0 to 2**64 - 1.
        shuffle: Whether each epoch has an order of its own; if not, that of the arrays.
        drop_last: Leave out the last batch if it is smaller than the others.
        flip_horizontal: Swap left and right of one image in two, (H, W, C).
        flip_vertical: Swap top and bottom likewise.
        crop: Put so many rows and columns of zeros on each side of an image (H, W, C), then cut
            H x W pixels out of that, anywhere.
        contrast: Then multiply by a factor of 1 - contrast to 1 + contrast, around the image's
            mean; 0 to 1.
        brightness: Then add a number of -brightness to brightness. Bytes stay 0 to 255.
        mean: Then, if this or `deviation` is given, images become (x - mean) / deviation,
            float32: one number, or one for each channel, which is the last axis.
        deviation: See `mean`.
        prefetch: Batches prepared and not yet taken, 1 to 64.
        trace: Records what the thread does, and the time that the caller waits.

    Raises:
        ShapeError: If arrays do not fit one another or what is to be done, or a number is not
            accepted.
        TypeError: If something is no array.
    """

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[Any] | None,
        batch: int,
        *,
        seed: SupportsIndex = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        flip_horizontal: bool = False,
        flip_vertical: bool = False,
        crop: int = 0,
        contrast: float = 0.0,
        brightness: float = 0.0,
        mean: Numbers | None = None,
        deviation: Numbers | None = None,
        prefetch: int = 2,
        trace: traces.Trace | None = None,
    ) -> None:
        labels = _checked(images, labels)
        self._core = _core.Loader(
            images,
            labels,
            batch=arguments.integer("loader", "batch", batch, 1),
            seed=arguments.seed(seed),
            shuffle=bool(shuffle),
            drop_last=bool(drop_last),
            flip_horizontal=bool(flip_horizontal),
            flip_vertical=bool(flip_vertical),
            crop=arguments.integer("loader", "crop", crop),
            contrast=arguments.not_negative("loader", "contrast", contrast),
            brightness=arguments.not_negative("loader", "brightness", brightness),
            mean=_numbers("mean", mean),
            deviation=_numbers("deviation", deviation),
            prefetch=arguments.integer("loader", "prefetch", prefetch, 1),
            trace=traces.core("loader", trace),
        )
        self._epoch = 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._core)

    @property
    def epoch(self) -> int:
        """What the next iteration gives; each one, also one that is left early, adds 1."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: SupportsIndex) -> None:
        self._epoch = arguments.seed(epoch, "epoch")

    def __iter__(self) -> Iterator[tuple[NDArray[Any], Any]]:
        """The batches of `epoch`."""
        batches = self.batches(self._epoch)
        self._epoch += 1
        return batches

    def batches(self, epoch: SupportsIndex, first: int = 0) -> Iterator[tuple[NDArray[Any], Any]]:
        """The batches of any epoch, from batch `first` on. Those before it are not prepared.

        Returns:
            An iterator over images (N, ...) and labels (N,) or (N, ...), or None without labels.
            Several may be under way, each with a thread.

        Raises:
            ShapeError: If `first` is not 0 to `len(loader)`, or `epoch` not 0 to 2**64 - 1.
            Error: From the iterator in a forked child: iterate in the child.
            DeviceError: From the iterator, if there is not enough memory for a batch.
        """
        number = arguments.seed(epoch, "epoch")
        return self._core.epoch(number, arguments.integer("loader", "first", first))


def _checked(images: NDArray[Any], labels: NDArray[Any] | None) -> NDArray[Any] | None:
    """The labels as the engine takes them, which are as many as the images."""
    if not array_of("images", images).size or not images.ndim:
        raise ShapeError(f"loader: images {images.shape} must not be empty")
    if labels is None:
        return None
    native = bind_labels(labels, None).labels
    if images.shape[:1] != native.shape[:1] or not native.size:
        raise ShapeError(
            f"loader: images {images.shape} and labels {native.shape} must have the same length"
        )
    return native


def _numbers(argument: str, values: Numbers | None) -> list[float]:
    if values is None:
        return []
    several = np.atleast_1d(arguments.array("loader", argument, values, np.float64))
    if several.ndim != 1 or not several.size:
        raise ShapeError(
            f"loader: {argument} must be one number or one per channel, got shape {several.shape}"
        )
    return [arguments.real("loader", argument, value) for value in several]
