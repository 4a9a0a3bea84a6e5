"""Batches, and the handwritten digits that come with the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError


@dataclass(frozen=True, eq=False)
class Digits:
    """A balanced subset of MNIST. Images uint8 (N, 28, 28, 1), labels uint8 (N,).

    The test digits are from MNIST's own test set, of other writers than the training ones.
    (c) LeCun and Cortes, CC BY-SA 3.0: see datasets/LICENSE-DIGITS.txt.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def digits() -> Digits:
    """Load 6000 training and 1000 test digits."""
    with (
        files("mpsnn").joinpath("datasets", "digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Digits(
            arrays["x_train"][..., np.newaxis],
            arrays["y_train"],
            arrays["x_test"][..., np.newaxis],
            arrays["y_test"],
        )


def batches(
    images: NDArray[Any],
    labels: NDArray[Any],
    batch: int,
    *,
    seed: int | Sequence[int] | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Go through a dataset once, in batches. The last one has what is left.

    Args:
        images: (N, ...).
        labels: (N,) or (N, K).
        batch: Images per batch, N at most of it.
        seed: Of the order. Pass another one for each epoch, such as `seed=epoch` or
            `seed=(run, epoch)`. None: another order every time.
        shuffle: Whether to draw an order; if not, that of the arrays.

    Returns:
        Pairs of C-contiguous arrays, of the dtypes of `images` and `labels`.

    Raises:
        ShapeError: If there are no images, or not as many labels, or `batch` is under 1.
    """
    size = arguments.integer("batches", "batch", batch, 1)
    if not images.ndim or not labels.ndim or len(images) != len(labels):
        raise ShapeError(
            f"batches: images {images.shape} and labels {labels.shape} must have the same length"
        )
    if not len(images):
        raise ShapeError(f"batches: images {images.shape} must not be empty")
    order = np.random.default_rng(seed).permutation(len(images)) if shuffle else None
    return _batches(images, labels, size, order)


def _batches(
    images: NDArray[Any], labels: NDArray[Any], batch: int, order: NDArray[np.intp] | None
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch) if order is None else order[start : start + batch]
        yield np.ascontiguousarray(images[rows]), np.ascontiguousarray(labels[rows])
