"""What each layer of a graph is called in PyTorch, and how its weights are stored there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mpsnn import _core, recurrent
from mpsnn._core import ShapeError
from mpsnn.graph import Graph

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]

_NORMS = ("batch_norm", "group_norm", "layer_norm")
_RECURRENT = ("rnn", "lstm", "gru", "mgu")
_TENSORS = {"gamma": "weight", "beta": "bias"}
_GATE = re.compile(
    r"(?P<layer>.+?)\.(layer_\d+\.)?((forward|backward)\.)?((\w+_gate|candidate)\.)?"
    r"((recurrent_)?(weight|bias)|peephole)"
)
_STACKED = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
_FRESH = {"input", "dense", "min", "max", "sum", "mean", *_RECURRENT}
"""Ops whose vectors have no axes of an image in them."""
_BY_ELEMENT = {"dropout", "relu", "relu_n", "sigmoid", "hard_sigmoid", "tanh", "elu", "gelu"}
_BY_ELEMENT |= {"linear", "silu", "softplus", "softsign", "clamp", "abs"}


class Part(NamedTuple):
    """Tensors of PyTorch that become weights of one layer together."""

    shapes: dict[str, Shape]  # by the names of PyTorch
    convert: Callable[[Mapping[str, Array]], dict[str, Array]]  # to arrays by our names
    refusal: str = ""  # why it is not converted


def parts_of(graph: Graph, names: dict[str, str]) -> list[Part]:
    """Every weight of `graph`, as PyTorch has it.

    Raises:
        ShapeError: If `names` names no layer of the graph.
    """
    reader = _Reader(graph)
    recurrent_layers: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for label, op in reader.readers.items():
        gate = _GATE.fullmatch(label) if op.op in _RECURRENT else None
        layer = gate["layer"] if gate else label.rpartition(".")[0]
        (recurrent_layers if gate else others).setdefault(layer, []).append(label)
    layers = [*others, *recurrent_layers]
    if unknown := sorted(names.keys() - set(layers)):
        raise ShapeError(
            f"from_torch: names has {', '.join(unknown)}, but the layers with weights are "
            f"{', '.join(layers) or 'none'}"
        )
    parts = [reader.tensor(k, names.get(layer, layer)) for layer in others for k in others[layer]]
    for layer, labels in recurrent_layers.items():
        parts.append(reader.recurrent(layer, names.get(layer, layer), labels))
    return parts


class _Reader:
    """A graph, and who computes and who reads its values."""

    def __init__(self, graph: Graph) -> None:
        self.core = graph.core
        nodes = [node for node in _core.nodes(self.core) if not node.gradient]
        self.made_by = {v: node for node in nodes for v in node.outputs if v.index >= 0}
        self.read_by: dict[_core.ValueId, _core.Node] = {}
        for node in nodes:
            for value in node.inputs:
                self.read_by.setdefault(value, node)
        self.parameters = {node.label: node.outputs[0] for node in nodes if node.parameter}
        found = {label: self._op(value) for label, value in self.parameters.items()}
        self.readers = {label: op for label, op in found.items() if op is not None}

    def shape(self, value: _core.ValueId) -> Shape:
        return tuple(self.core.shape(value))

    def tensor(self, label: str, module: str) -> Part:
        """One weight of a convolution, a dense layer or a normalisation."""
        op, shape = self.readers[label], self.shape(self.parameters[label])
        tensor = label.rpartition(".")[2]
        key = ".".join(filter(None, (module, _TENSORS.get(tensor, tensor))))
        origin = self.origin(op.inputs[0])
        if op.op == "conv2d" and len(shape) > 1:
            theirs = (shape[0], shape[-1], *shape[1:-1])
            return Part({key: theirs}, lambda arrays: {label: np.moveaxis(arrays[key], 1, -1)})
        refusal = ""
        if op.op == "dense" and len(shape) == 2:
            if origin is None or (len(origin) != 3 and sum(extent > 1 for extent in origin) > 1):
                refusal = f"{key}: the order of what {label} reads is not known in PyTorch"
            image = origin or ()
            return Part({key: shape}, lambda a: {label: _columns(a[key], image)}, refusal)
        if op.op not in (*_NORMS, "conv2d", "dense") or len(shape) > 1:
            refusal = f"{key}: weights of {op.op} such as {label} {shape} are not converted"
        elif op.op in _NORMS and self.shape(op.inputs[0]) != origin:
            refusal = f"{key}: {label} is of a flattened image, in another order"
        return Part({key: shape}, lambda arrays: {label: arrays[key]}, refusal)

    def recurrent(self, layer: str, module: str, labels: list[str]) -> Part:
        """Every weight of a recurrent layer."""
        op = self.readers[labels[0]]
        peephole = any(label.endswith(".peephole") for label in labels)
        if peephole or op.op == "mgu" or (op.op == "gru" and "reset_after=true" not in op.line):
            refusal = f"{layer}: PyTorch has no mgu, no peepholes, and a gru with reset_after alone"
            return Part(dict.fromkeys((f"{module}.{k}" for k in _STACKED), ()), dict, refusal)
        kind = cast(recurrent.Kind, op.op)
        like = {label: np.zeros(self.shape(self.parameters[label])) for label in labels}
        stacked = recurrent.to_stacked("pytorch", kind, like, name=layer)

        def convert(arrays: Mapping[str, Array]) -> dict[str, Array]:
            own = {key.removeprefix(f"{module}."): array for key, array in arrays.items()}
            return recurrent.from_stacked("pytorch", kind, own, name=layer)

        return Part({f"{module}.{key}": a.shape for key, a in stacked.items()}, convert)

    def origin(self, value: _core.ValueId) -> Shape | None:
        """The shape of `value`, or where it is flattened, of what it was before.

        None if something else than a neuron or a dropout follows the flattening.
        """
        shape, node = self.shape(value), self.made_by[value]
        if len(shape) != 1 or node.op in _FRESH:
            return shape
        if node.op == "reshape":
            return self.origin(node.inputs[0])
        before = [self.origin(v) for v in node.inputs if v in self.made_by and self._data(v)]
        if all(known is not None and len(known) == 1 for known in before):
            return shape
        return before[0] if node.op in _BY_ELEMENT else None

    def _data(self, value: _core.ValueId) -> bool:
        return not self.made_by[value].parameter

    def _op(self, value: _core.ValueId) -> _core.Node | None:
        """What reads a parameter, itself or in another shape."""
        node = self.read_by.get(value)
        while node is not None and node.op in ("reshape", "concat"):
            node = self.read_by.get(node.outputs[0])
        return node


def _columns(weight: Array, origin: Shape) -> Array:
    """Of a dense weight: from the order of (C, H, W) to that of `origin`, (H, W, C)."""
    if len(origin) != 3:
        return weight
    height, width, channels = origin
    image = weight.reshape(-1, channels, height, width)
    return np.moveaxis(image, 1, -1).reshape(weight.shape)
