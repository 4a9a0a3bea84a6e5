"""Batches of augmented pictures with the labels of their boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.detection.augmentation import Augmentation
from mpsnn.detection.grid import Grid, encode
from mpsnn.trace import Trace


class Views:
    """Goes through pictures in batches: shuffled, another view of each in every epoch.

    What an epoch gives depends on the arguments and its number alone.

    Args:
        images: uint8 (N, H, H, C), of the size of the grid.
        boxes: Of each, (M, 4).
        grid: Cells and anchors of the labels.
        batch: Pictures per batch; the last one of an epoch has what is left.
        augmentation: Draws the views. None: the pictures as they are.
        seed: Of order and views, 0 to 2**64 - 1.
        trace: Records the time that each batch takes to prepare.

    Raises:
        ShapeError: If the pictures are no bytes, or do not fit the grid, or the boxes them.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        boxes: Sequence[ArrayLike],
        grid: Grid,
        batch: int,
        *,
        augmentation: Augmentation | None = Augmentation(),  # noqa: B008  (frozen)
        seed: int = 0,
        trace: Trace | None = None,
    ) -> None:
        if images.dtype != np.uint8:
            raise ShapeError(f"views: images must be uint8, got {images.dtype}")
        if images.ndim != 4 or images.shape[1:3] != grid.size or len(images) != len(boxes):
            raise ShapeError(
                f"views: images must be (N, {grid.size[0]}, {grid.size[1]}, C) with boxes for "
                f"each, got {images.shape} and {len(boxes)}"
            )
        self._images = images
        self._boxes = boxes
        self._grid = grid
        self._batch = arguments.integer("views", "batch", batch, 1)
        self._augmentation = augmentation
        self._seed = arguments.seed(seed)
        self._trace = trace

    def __len__(self) -> int:
        """Batches of an epoch."""
        return (len(self._images) + self._batch - 1) // self._batch

    def batches(
        self, epoch: int, first: int = 0
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """The batches of an epoch, from batch `first` on: pictures and labels for `yolo_loss`."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._images))
        for index in range(first, len(self)):
            chosen = order[index * self._batch : (index + 1) * self._batch].tolist()
            trace = self._trace
            with nullcontext() if trace is None else trace.span("prepare batch", index):
                views = [self._view(i, epoch) for i in chosen]
                images = np.stack([image for image, _ in views])
                labels = np.stack([label for _, label in views])
            yield images, labels

    def _view(self, i: int, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        image, boxes = self._images[i], self._boxes[i]
        if self._augmentation is not None:
            rng = np.random.default_rng((self._seed, epoch, i))
            image, boxes = self._augmentation(image, boxes, rng)
        return image, encode(boxes, self._grid)
