"""Weights of PyTorch for a graph.

What differs is the order of axes: (O, C, K.h, K.w) of a convolution there is (O, K.h, K.w, C)
here, and the columns of a linear layer behind a flattened image are those of (C, H, W) there, of
(H, W, C) here. Gates of recurrent layers are stacked there: see `mpsnn.recurrent`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsnn._core import ShapeError
from mpsnn.graph import Graph
from mpsnn.models.torch_layers import Part, parts_of

Array: TypeAlias = NDArray[Any]

_COUNTER = re.compile(r"(.*\.)?num_batches_tracked")
"""Of steps, in PyTorch's batch normalisation. Nothing here depends on it."""


def from_torch(
    graph: Graph,
    state_dict: Mapping[str, Any],
    *,
    names: Mapping[str, str] | None = None,
    strict: bool = True,
) -> dict[str, Array]:
    """The weights of a graph, out of a state dict of PyTorch.

    A layer takes the tensors of the module of its own name: layer "layer1.0.conv1" here is module
    "layer1.0.conv1" there. Convolutions, dense and recurrent layers, and batch, group and layer
    normalisation are known. Nothing of the graph changes.

    Args:
        graph: With every layer that the weights are for.
        state_dict: Of `torch.nn.Module.state_dict`, its values tensors or arrays.
        names: Of modules, by the names of layers, where they differ: {"conv2d_1": "features.0"}.
        strict: Whether names that are missing or unknown are an error. If not, layers that the
            state dict has not, and what it has besides, are left out.

    Returns:
        float32 arrays, for `Trainer.load_state_dict` or the `weights` of a `Predictor`.

    Raises:
        ShapeError: Listing every missing and unknown name, and every wrong shape with the right
            one; or if PyTorch has no such layer, or the order of its weights is not known.
        TypeError: If an argument is of a wrong type.
    """
    if not isinstance(graph, Graph):
        raise TypeError(f"from_torch: graph must be a Graph, got {type(graph).__name__}")
    _check_names("state_dict", "tensors", state_dict)
    if names is not None:
        _check_names("names", "modules", names)
        if wrong := [module for module in names.values() if not isinstance(module, str)]:
            raise TypeError(f"from_torch: names must map names to modules, got {wrong[0]!r}")
    given = {key: value for key, value in state_dict.items() if not _COUNTER.fullmatch(key)}
    parts = parts_of(graph, dict(names or {}))
    known = {key for part in parts for key in part.shapes}
    arrays = {key: _array(key, value) for key, value in given.items() if key in known}
    mistakes = [text for part in parts for text in _mistakes(part, arrays, strict)]
    if strict:
        mistakes += [f"unexpected {key}" for key in given if key not in known]
    if mistakes:
        raise ShapeError("from_torch: state_dict does not fit the graph: " + "; ".join(mistakes))
    out: dict[str, Array] = {}
    for part in parts:
        if part.shapes.keys() <= arrays.keys():
            out |= _converted(part, arrays)
    return out


def _check_names(argument: str, values: str, mapping: Mapping[str, Any]) -> None:
    wanted = f"from_torch: {argument} must map names to {values}"
    if not isinstance(mapping, Mapping):
        raise TypeError(f"{wanted}, got {type(mapping).__name__}")
    if wrong := [key for key in mapping if not isinstance(key, str)]:
        raise TypeError(f"{wanted}, got the name {wrong[0]!r}")


def _mistakes(part: Part, arrays: Mapping[str, Array], strict: bool) -> list[str]:
    if part.refusal and (strict or part.shapes.keys() & arrays.keys()):
        return [part.refusal]
    mistakes = []
    for key, shape in part.shapes.items():
        if key in arrays and arrays[key].shape != shape:
            mistakes.append(f"{key} must be {shape}, got {arrays[key].shape}")
        elif key not in arrays and strict:
            mistakes.append(f"missing {key} {shape}")
    return mistakes


def _converted(part: Part, arrays: Mapping[str, Array]) -> dict[str, Array]:
    made = part.convert({key: arrays[key] for key in part.shapes})
    return {name: np.ascontiguousarray(array, np.float32) for name, array in made.items()}


def _array(key: str, value: Any) -> Array:
    """`value`, a tensor wherever it is or an array, as an array of floating point numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()  # float: numpy has no bfloat16
    elif not hasattr(value, "__array__"):
        raise TypeError(f"from_torch: {key} must be a tensor, got {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise ShapeError(f"from_torch: {key} must be of floating point numbers, got {array.dtype}")
    return array
