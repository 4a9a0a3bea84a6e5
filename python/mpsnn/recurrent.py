"""The weights of recurrent layers: their names here, and how other libraries store them.

A layer called lstm_1 has the tensors "lstm_1.input_gate.weight" (H, I),
"lstm_1.input_gate.recurrent_weight" (H, H) and "lstm_1.input_gate.bias" (H,), and the same of
its other gates. With several layers the names have "layer_0." and so on before the gate, and
with two directions "forward." and "backward.": "lstm_1.layer_0.backward.forget_gate.bias".

Others stack the gates in one array, each library in its own order: `from_stacked` takes such
arrays apart, `to_stacked` makes them.

    pytorch  "weight_ih_l0" (G * H, I), "weight_hh_l0", "bias_ih_l0", "bias_hh_l0" (G * H,), and
             the same with "_l1" ... and "_reverse": a state_dict of nn.RNN, LSTM, GRU
    keras    "kernel" (I, G * H), "recurrent_kernel" (H, G * H), "bias" (G * H,), or (2, G * H) of
             a GRU with reset_after: the weights of a layer
    onnx     "W" (D, G * H, I), "R" (D, G * H, H), "B" (D, 2 * G * H), and of an LSTM "P" (D, 3 * H),
             D directions: the inputs of the operators RNN, LSTM, GRU

A GRU of PyTorch needs `reset_after`, one of Keras or ONNX may have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsnn import arguments
from mpsnn._core import ShapeError

Array: TypeAlias = NDArray[Any]
Format: TypeAlias = Literal["pytorch", "keras", "onnx"]
Kind: TypeAlias = Literal["rnn", "lstm", "gru"]

GATES: dict[str, tuple[str, ...]] = {
    "rnn": ("",),
    "lstm": ("input_gate", "forget_gate", "cell_gate", "output_gate"),
    "gru": ("update_gate", "reset_gate", "candidate"),
    "mgu": ("update_gate", "candidate"),
}
"""In the order of the rows of a stacked weight."""

ORDER: dict[str, dict[str, tuple[str, ...]]] = {
    "pytorch": {
        "rnn": ("",),
        "lstm": ("input_gate", "forget_gate", "cell_gate", "output_gate"),
        "gru": ("reset_gate", "update_gate", "candidate"),
    },
    "keras": {
        "rnn": ("",),
        "lstm": ("input_gate", "forget_gate", "cell_gate", "output_gate"),
        "gru": ("update_gate", "reset_gate", "candidate"),
    },
    "onnx": {
        "rnn": ("",),
        "lstm": ("input_gate", "output_gate", "forget_gate", "cell_gate"),
        "gru": ("update_gate", "reset_gate", "candidate"),
    },
}
"""Of the gates in the stacked weights of other libraries."""

PEEPHOLES = ("input_gate", "output_gate", "forget_gate")
"""Of ONNX, in its order. The cell gate has none there."""


def tensor_name(gate: str, tensor: str) -> str:
    """Of a tensor of a gate; an rnn has one gate without a name."""
    return f"{gate}.{tensor}" if gate else tensor


def from_stacked(
    format: Format,
    kind: Kind,
    arrays: Mapping[str, Array],
    *,
    name: str,
    reset_after: bool = True,
) -> dict[str, Array]:
    """Weights of another library, under the names of a layer here.

    Two biases become their sum; that of the candidate of a GRU with `reset_after` stays apart, as
    its "recurrent_bias".

    Args:
        format: Whose arrays they are.
        kind: Of the layer.
        arrays: By the names of that library: see the top of this module.
        name: Of the layer here.
        reset_after: Of a GRU, whether its reset gate acts behind the product.

    Returns:
        float32 arrays, for `Trainer.load_state_dict` or `Predictor`.

    Raises:
        ShapeError: If an array is missing or has another shape.
    """
    order = _order(format, kind)
    out: dict[str, Array] = {}
    for part in _parts(format, arrays):
        stacked = _READ[format](arrays, part)
        units = stacked["weight"].shape[0] // len(order)
        for tensor, array in stacked.items():
            if tensor == "peephole":
                pieces = dict(zip(PEEPHOLES, np.split(array, 3), strict=True))
                pieces["cell_gate"] = np.zeros(units)
            else:
                if array.shape[0] != len(order) * units:
                    raise ShapeError(
                        f"{kind}: {tensor} of {name} must have {len(order) * units} rows, "
                        f"got {array.shape}"
                    )
                pieces = dict(zip(order, np.split(array, len(order)), strict=True))
            for gate, piece in pieces.items():
                out[f"{name}.{part.prefix}{tensor_name(gate, tensor)}"] = piece
        _join_biases(out, f"{name}.{part.prefix}", kind, reset_after)
    return {key: np.ascontiguousarray(array, np.float32) for key, array in out.items()}


def to_stacked(
    format: Format, kind: Kind, state: Mapping[str, Array], *, name: str
) -> dict[str, Array]:
    """The inverse of `from_stacked`: the weights of a layer here, as another library has them.

    Args:
        format: Of the result.
        kind: Of the layer.
        state: Arrays by name, as from `Trainer.state_dict`; others are left alone.
        name: Of the layer.

    Raises:
        ShapeError: If the layer has no weights in `state`, or some that the library lacks.
    """
    order = _order(format, kind)
    own = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
    out: dict[str, Array] = {}
    directions = []
    for part in _own_parts(own, tensor_name(order[0], "weight")):
        pick = {k.removeprefix(part.prefix): v for k, v in own.items() if k.startswith(part.prefix)}
        stacked = {
            tensor: np.concatenate([pick[tensor_name(gate, tensor)] for gate in order])
            for tensor in ("weight", "recurrent_weight", "bias")
            if tensor_name(order[0], tensor) in pick
        }
        if "bias" in stacked:
            stacked["recurrent_bias"] = np.zeros_like(stacked["bias"])
            if (recurrent := pick.get("candidate.recurrent_bias")) is not None:
                stacked["recurrent_bias"][-len(recurrent) :] = recurrent
        if "input_gate.peephole" in pick:
            if format != "onnx" or np.any(pick["cell_gate.peephole"]):
                raise ShapeError(f"{name}: {format} has no such peepholes")
            stacked["peephole"] = np.concatenate([pick[f"{g}.peephole"] for g in PEEPHOLES])
        directions.append((part, stacked))
    if not directions:
        raise ShapeError(f"{name}: has no weights of a {kind} in this state")
    for part, stacked in directions:
        _WRITE[format](out, part, stacked)
    return out


class _Part(NamedTuple):
    """One direction of one layer."""

    layer: int
    backward: bool
    prefix: str  # of its tensors' names here


def _order(format: str, kind: str) -> tuple[str, ...]:
    arguments.choice("recurrent", "format", format, tuple(ORDER))
    return ORDER[format][arguments.choice("recurrent", "kind", kind, ("rnn", "lstm", "gru"))]


def _parts(format: str, arrays: Mapping[str, Array]) -> list[_Part]:
    count = {"pytorch": "weight_ih_l0", "keras": "kernel", "onnx": "W"}[format]
    if count not in arrays:
        raise ShapeError(f"{format}: has no {count!r} among {', '.join(arrays) or 'nothing'}")
    layers, both = 1, False
    if format == "pytorch":
        layers = sum(key.startswith("weight_ih_l") for key in arrays)
        both = "weight_ih_l0_reverse" in arrays
        layers //= 1 + both
    elif format == "onnx":
        both = arrays["W"].shape[0] == 2
    return list(_named(layers, both))


def _named(layers: int, both: bool) -> Iterator[_Part]:
    for layer in range(layers):
        above = f"layer_{layer}." if layers > 1 else ""
        yield _Part(layer, False, above + ("forward." if both else ""))
        if both:
            yield _Part(layer, True, above + "backward.")


def _own_parts(own: Mapping[str, Array], first: str) -> list[_Part]:
    """Those whose `first` tensor is there."""
    for layers in range(1, 1 + len(own)):
        for both in (False, True):
            parts = list(_named(layers, both))
            found = {key for key in own if key.endswith(first) and "recurrent" not in key}
            if {part.prefix + first for part in parts} == found:
                return parts
    return []


def _join_biases(out: dict[str, Array], prefix: str, kind: str, reset_after: bool) -> None:
    """Adds each recurrent bias to the bias, but that of the candidate of a `reset_after` GRU."""
    for gate in GATES[kind]:
        if gate == "candidate" and reset_after:
            continue
        recurrent = out.pop(prefix + tensor_name(gate, "recurrent_bias"), None)
        if recurrent is not None:
            bias = prefix + tensor_name(gate, "bias")
            out[bias] = out[bias] + recurrent


# ---- the arrays of each library, as weight, recurrent_weight, bias, recurrent_bias, peephole ----


def _read_pytorch(arrays: Mapping[str, Array], part: _Part) -> dict[str, Array]:
    end = f"l{part.layer}" + ("_reverse" if part.backward else "")
    names = {
        "weight": f"weight_ih_{end}",
        "recurrent_weight": f"weight_hh_{end}",
        "bias": f"bias_ih_{end}",
        "recurrent_bias": f"bias_hh_{end}",
    }
    return {tensor: np.asarray(arrays[key]) for tensor, key in names.items() if key in arrays}


def _write_pytorch(out: dict[str, Array], part: _Part, stacked: dict[str, Array]) -> None:
    end = f"l{part.layer}" + ("_reverse" if part.backward else "")
    names = {"weight": "ih", "recurrent_weight": "hh", "bias": "ih", "recurrent_bias": "hh"}
    for tensor, array in stacked.items():
        out[f"{'weight' if 'weight' in tensor else 'bias'}_{names[tensor]}_{end}"] = array


def _read_keras(arrays: Mapping[str, Array], part: _Part) -> dict[str, Array]:
    out = {
        "weight": np.asarray(arrays["kernel"]).T,
        "recurrent_weight": np.asarray(arrays["recurrent_kernel"]).T,
    }
    if "bias" in arrays:
        biases = np.atleast_2d(arrays["bias"])
        out |= dict(zip(("bias", "recurrent_bias"), biases, strict=False))
    return out


def _write_keras(out: dict[str, Array], part: _Part, stacked: dict[str, Array]) -> None:
    if out:
        raise ShapeError("keras: has one layer and direction in its arrays")
    out["kernel"] = np.ascontiguousarray(stacked["weight"].T)
    out["recurrent_kernel"] = np.ascontiguousarray(stacked["recurrent_weight"].T)
    if "bias" in stacked:
        both = np.stack([stacked["bias"], stacked["recurrent_bias"]])
        out["bias"] = both if both[1].any() else both[0]


def _read_onnx(arrays: Mapping[str, Array], part: _Part) -> dict[str, Array]:
    d = int(part.backward)
    out = {
        "weight": np.asarray(arrays["W"])[d],
        "recurrent_weight": np.asarray(arrays["R"])[d],
    }
    if "B" in arrays:
        out["bias"], out["recurrent_bias"] = np.split(np.asarray(arrays["B"])[d], 2)
    if "P" in arrays:
        out["peephole"] = np.asarray(arrays["P"])[d]
    return out


def _write_onnx(out: dict[str, Array], part: _Part, stacked: dict[str, Array]) -> None:
    if part.layer:
        raise ShapeError("onnx: has one layer in its arrays")
    made = {"W": stacked["weight"], "R": stacked["recurrent_weight"]}
    if "bias" in stacked:
        made["B"] = np.concatenate([stacked["bias"], stacked["recurrent_bias"]])
    if "peephole" in stacked:
        made["P"] = stacked["peephole"]
    for key, array in made.items():
        out[key] = np.concatenate([*([out[key]] if key in out else []), array[np.newaxis]])


_READ = {"pytorch": _read_pytorch, "keras": _read_keras, "onnx": _read_onnx}
_WRITE = {"pytorch": _write_pytorch, "keras": _write_keras, "onnx": _write_onnx}
