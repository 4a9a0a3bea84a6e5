"""Batches, and the data that come with the package: digits, exercises, and trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.binding import array_of


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


@dataclass(frozen=True, eq=False)
class Recordings:
    """Shoulder exercises recorded by a smart watch at 50 Hz, by several subjects.

    Source: Burns et al., arXiv:1802.01489. BSD licence: see datasets/LICENSE-ACTIVITY.txt.

    Attributes:
        samples: Of each recording, float32 (T, 6): acceleration in units of gravity, and
            rotation in rad/s, each along x, y and z. T is 947 to 2618.
        exercises: Of each, an index into `classes`, uint8 (140,).
        subjects: Of each, 1 to 10, uint8 (140,).
        classes: Names of the seven exercises: pendulum, abduction, forward elevation, internal
            rotation, external rotation, trapezius extension, upright row.
    """

    samples: tuple[NDArray[np.float32], ...]
    exercises: NDArray[np.uint8]
    subjects: NDArray[np.uint8]
    classes: tuple[str, ...]

    def of(self, subjects: Sequence[int]) -> Recordings:
        """Those of some subjects."""
        chosen = np.isin(self.subjects, list(subjects))
        samples = tuple(x for x, wanted in zip(self.samples, chosen, strict=True) if wanted)
        return Recordings(samples, self.exercises[chosen], self.subjects[chosen], self.classes)

    def windows(self, width: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """All parts of `width` samples, one every `step` samples, and their exercises.

        Returns:
            (N, width, 6) and (N,).

        Raises:
            ShapeError: If a number is under 1, or no recording is that long.
        """
        size = arguments.integer("windows", "width", width, 1)
        stride = arguments.integer("windows", "step", step, 1)
        parts, exercises = [], []
        for x, exercise in zip(self.samples, self.exercises, strict=True):
            for start in range(0, len(x) - size + 1, stride):
                parts.append(x[start : start + size])
                exercises.append(exercise)
        if not parts:
            raise ShapeError(f"windows: no recording has {size} samples")
        return np.ascontiguousarray(np.stack(parts)), np.array(exercises, np.uint8)


def recordings() -> Recordings:
    """Load the 140 recordings of shoulder exercises."""
    with (
        files("mpsnn").joinpath("datasets", "activity.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        samples = arrays["samples"] * arrays["step"]
        return Recordings(
            tuple(np.split(samples, arrays["offsets"][1:-1])),
            arrays["exercise"],
            arrays["subject"],
            tuple(map(str, arrays["classes"])),
        )


TEST_SUBJECTS = (8, 9, 10)


@dataclass(frozen=True, eq=False)
class Activity:
    """Windows of shoulder exercises, of subjects to train on and of others to test.

    Each channel has mean 0 and deviation 1 over the training windows.

    Attributes:
        train_windows: float32 (N, 200, 6): 4 seconds at 50 Hz.
        train_labels: Index of the exercise, uint8 (N,).
        test_windows: As those for training, of subjects 8 to 10.
        test_labels: Likewise.
        classes: Names of the exercises.
        mean: Of the training samples before, float32 (6,).
        deviation: Likewise.
    """

    train_windows: NDArray[np.float32]
    train_labels: NDArray[np.uint8]
    test_windows: NDArray[np.float32]
    test_labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def activity(width: int = 200, step: int = 100) -> Activity:
    """Cut the recordings into windows, and standardise them by the training subjects.

    Args:
        width: Samples of a window.
        step: Samples from one window of a recording to the next.
    """
    everyone = recordings()
    held_out = everyone.of(TEST_SUBJECTS)
    others = everyone.of(sorted({*everyone.subjects.tolist()} - {*TEST_SUBJECTS}))
    train, train_labels = others.windows(width, step)
    test, test_labels = held_out.windows(width, step)
    mean = train.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    deviation = train.std(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return Activity(
        (train - mean) / deviation,
        train_labels,
        (test - mean) / deviation,
        test_labels,
        everyone.classes,
        mean,
        deviation,
    )


@dataclass(frozen=True, eq=False)
class Trees:
    """Tiles of forest from the air, 208 x 208 pixels of 0.1 m, with a box around every tree.

    The test tiles are of another place, some 13 km from where the training tiles are. Boxes are
    xmin, ymin, xmax, ymax in pixels, float32 (M, 4) for each tile, cut at its edges.

    Source: National Ecological Observatory Network, annotated by Weinstein et al. for deepforest,
    MIT licence: see datasets/LICENSE-TREES.txt.

    Attributes:
        train_tiles: uint8 (97, 208, 208, 3), red, green, blue.
        train_boxes: 527 boxes.
        test_tiles: uint8 (24, 208, 208, 3).
        test_boxes: 229 boxes.
    """

    train_tiles: NDArray[np.uint8]
    train_boxes: tuple[NDArray[np.float32], ...]
    test_tiles: NDArray[np.uint8]
    test_boxes: tuple[NDArray[np.float32], ...]


def trees() -> Trees:
    """Load 97 training and 24 test tiles."""
    with (
        files("mpsnn").joinpath("datasets", "trees.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):

        def boxes(part: str) -> tuple[NDArray[np.float32], ...]:
            corners = arrays[f"{part}_boxes"].astype(np.float32)
            return tuple(np.split(corners, arrays[f"{part}_offsets"][1:-1]))

        return Trees(arrays["train_tiles"], boxes("train"), arrays["test_tiles"], boxes("test"))


def batches(
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    batch: int,
    *,
    seed: int | Sequence[int] | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[NDArray[Any], Any]]:
    """Go through a dataset once, in batches. The last one has what is left.

    Args:
        images: (N, ...).
        labels: (N,) or (N, K). None: there are none.
        batch: Images per batch, N at most of it.
        seed: Of the order: a number of 0 to 2**64 - 1, or several. Pass another one for each epoch,
            such as `seed=epoch` or `seed=(run, epoch)`. None: another order every time.
        shuffle: Whether to draw an order; if not, that of the arrays.

    Returns:
        Pairs of C-contiguous arrays, of the dtypes of `images` and `labels`; None without labels.

    Raises:
        ShapeError: If there are no images, or not as many labels, or a number is not accepted.
        TypeError: If something is no array, or no integer.
    """
    size = arguments.integer("batches", "batch", batch, 1)
    if not array_of("images", images).ndim:
        raise ShapeError(f"batches: images must be (N, ...), got {images.shape}")
    if labels is not None and array_of("labels", labels).shape[:1] != images.shape[:1]:
        raise ShapeError(
            f"batches: images {images.shape} and labels {labels.shape} must have the same length"
        )
    if not len(images):
        raise ShapeError(f"batches: images {images.shape} must not be empty")
    seeds = None if seed is None else _seeds(seed)
    order = np.random.default_rng(seeds).permutation(len(images)) if shuffle else None
    return _batches(images, labels, size, order)


def _seeds(seed: int | Sequence[int]) -> int | list[int]:
    if isinstance(seed, Sequence | np.ndarray):
        return [arguments.seed(one) for one in seed]
    return arguments.seed(seed)


def _batches(
    images: NDArray[Any], labels: NDArray[Any] | None, batch: int, order: NDArray[np.intp] | None
) -> Iterator[tuple[NDArray[Any], Any]]:
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch) if order is None else order[start : start + batch]
        truth = None if labels is None else np.ascontiguousarray(labels[rows])
        yield np.ascontiguousarray(images[rows]), truth
