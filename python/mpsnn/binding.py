"""From what a user passes to a step to what the engine takes: images, labels, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsnn._core import ShapeError, ValueId
from mpsnn.values import Value

if TYPE_CHECKING:
    from mpsnn.graph import Graph

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = Array | Mapping[Value | str, Array]
Labels: TypeAlias = "Array | LossLabels | Mapping[Value | str, Array | LossLabels]"

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class LossLabels:
    """The ground truth of one batch.

    Args:
        labels: float32 (N, ...) of the shape that `Graph.labels` was given, or class indices,
            integers of that shape without its last axis.
        weights: Of each image's loss, float32 (N,); or of each element's, float32 of the shape
            of the labels, if `Graph.labels` says so. None: all 1.
    """

    labels: Array
    weights: Array | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `Trainer.evaluate` found.

    Attributes:
        loss: Mean of `losses`.
        accuracy: Share of the images, by weight, whose class the first output gives the
            largest value; None if there is no output (K,), no weight of an image, or the labels
            are no classes or distributions.
        losses: Of each image, times its weight, float32 (N,); if the loss has no batch axis,
            that of the image's batch.
        outputs: Of the trainer's outputs, (N, ...) each.
    """

    loss: float
    accuracy: float | None
    losses: NDArray[np.float32]
    outputs: tuple[Array, ...]


def bind_images(inputs: Sequence[Value], images: Images) -> list[tuple[ValueId, Array]]:
    """Pair every array with the input that it is for.

    Raises:
        ShapeError: If a single array is given to several inputs, or a key is wrong.
        TypeError: If something is no array.
    """
    names = ", ".join(value.label for value in inputs) or "none"
    if isinstance(images, np.ndarray):
        if len(inputs) != 1:
            raise ShapeError(
                f"images: the graph has {len(inputs)} inputs, so pass a mapping from each to "
                f"its array; they are {names}"
            )
        return [(inputs[0].id, _integers(inputs[0], images))]
    if not isinstance(images, Mapping):
        raise TypeError(
            f"images: must be a numpy array or a mapping of them, got {type(images).__name__}"
        )
    by_key: dict[Value | str, Value] = {value: value for value in inputs}
    by_key.update({value.label: value for value in inputs})
    bound: dict[Value, Array] = {}
    for key, array in images.items():
        if key not in by_key:
            raise ShapeError(f"images: {key!r} is no input of this graph; they are {names}")
        if by_key[key] in bound:
            raise ShapeError(f"images: {by_key[key].label} is given twice")
        bound[by_key[key]] = _integers(by_key[key], array_of("images", array))
    return [(value.id, array) for value, array in bound.items()]


def bind_labels(labels: Array | LossLabels, weights: Array | None) -> LossLabels:
    """Labels and weights as the engine takes them: int32 or float32.

    Raises:
        ShapeError: If the dtype is not accepted, or an index is no int32.
        TypeError: If something is no array, or weights are given twice.
    """
    if isinstance(labels, LossLabels):
        if weights is not None:
            raise TypeError("weights: given twice, also in LossLabels")
        return bind_labels(labels.labels, labels.weights)
    if weights is not None:
        array_of("weights", weights)
    return LossLabels(_native(array_of("labels", labels)), weights)


def bind_truth(
    known: Sequence[Value], labels: Labels | None, weights: Array | None
) -> tuple[list[tuple[ValueId, Array]], LossLabels | None]:
    """What is bound by value, and the labels and weights of a graph that has one `labels`.

    Raises:
        ShapeError: If a key is wrong, or weights come without labels; see `bind_labels`.
        TypeError: See `bind_labels`.
    """
    if labels is None:
        if weights is not None:
            raise ShapeError("weights: given without labels")
        return [], None
    if not isinstance(labels, Mapping):
        return [], bind_labels(labels, weights)
    if weights is not None:
        raise ShapeError("weights: give those of several labels as LossLabels")
    by_key: dict[Value | str, Value] = {value: value for value in known}
    by_key.update({value.label: value for value in known})
    bound: list[tuple[ValueId, Array]] = []
    for key, given in labels.items():
        if key not in by_key:
            names = ", ".join(value.label for value in known) or "none"
            raise ShapeError(f"labels: {key!r} is none of this graph; they are {names}")
        truth, value = bind_labels(given, None), by_key[key]
        bound.append((value.id, truth.labels))
        if truth.weights is not None:
            bound.append((value.states["weights"].id, truth.weights))
    return bound, None


def bind_batch(
    graph: Graph, images: Images, labels: Labels | None, weights: Array | None
) -> tuple[list[tuple[ValueId, Array]], tuple[Any, Any]]:
    """Arrays by value, and the only labels and their weights, or None.

    Raises:
        ShapeError: See `bind_images` and `bind_truth`.
        TypeError: See there.
    """
    by_value, truth = bind_truth(graph.label_inputs, labels, weights)
    inputs = [*bind_images(graph.inputs, images), *by_value]
    return inputs, (truth.labels, truth.weights) if truth else (None, None)


def accuracy(output: Array, truth: LossLabels) -> float | None:
    """Share of the images, by weight, where `output` is largest at the true class.

    None where that makes no sense: see `Evaluation`.
    """
    labels, weights = truth.labels, truth.weights
    if output.ndim != 2 or output.shape[1] == 1 or (weights is not None and weights.ndim != 1):
        return None
    if labels.shape not in (output.shape, output.shape[:1]):
        return None
    if labels.dtype.kind == "f" and not _are_distributions(labels):
        return None
    classes = labels if labels.ndim == 1 else labels.argmax(axis=1)
    correct = output.argmax(axis=1) == classes
    if truth.weights is None:
        return float(correct.mean())
    total = float(truth.weights.sum(dtype=np.float64))
    return float(truth.weights.sum(where=correct, dtype=np.float64)) / total if total else None


def _are_distributions(labels: Array) -> bool:
    return labels.ndim == 2 and labels.min() >= 0 and bool(np.allclose(labels.sum(axis=1), 1, 1e-3))


def _integers(value: Value, images: Array) -> Array:
    """`images` as int32, if they are integers and the input is of that dtype."""
    if images.dtype.kind not in "iu" or images.dtype in (np.int32, np.uint8):
        return images
    if value.graph.input_dtypes[value] != "int32":
        return images
    if images.size and not _INT32.min <= images.min() <= images.max() <= _INT32.max:
        raise ShapeError(
            f"images[{value.label!r}]: must fit int32, got {images.min()} to {images.max()}"
        )
    return images.astype(np.int32, order="C")


def _native(labels: Array) -> Array:
    if labels.dtype in (np.int32, np.float32):
        return labels
    if labels.dtype.kind == "f":
        raise ShapeError(
            f"labels: must be float32 if they are no class indices, got {labels.dtype}; "
            "use labels.astype(numpy.float32)"
        )
    if labels.dtype.kind not in "iu":
        raise ShapeError(
            f"labels: must be float32, or integers that are class indices, got {labels.dtype}"
        )
    if labels.size and not _INT32.min <= labels.min() <= labels.max() <= _INT32.max:
        raise ShapeError(
            f"labels: class indices must fit int32, got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int32, order="C")


def array_of(argument: str, array: object) -> Array:
    """`array`, if it is one."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{argument}: must be a numpy array, got {type(array).__name__}")
    return array


def values_of(op: str, outputs: Value | Sequence[Value] | None) -> tuple[Value, ...]:
    """The outputs that a user names."""
    if isinstance(outputs, Value):
        return (outputs,)
    if outputs is None:
        return ()
    if not isinstance(outputs, Sequence):
        raise TypeError(f"{op}: outputs must be a Value or several, got {outputs!r}")
    return tuple(outputs)
