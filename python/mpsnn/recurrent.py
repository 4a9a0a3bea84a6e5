"""The weights of recurrent layers: their names here, and their order elsewhere.

A layer called lstm_1 has the tensors "lstm_1.input_gate.weight" (H, I),
"lstm_1.input_gate.recurrent_weight" (H, H) and "lstm_1.input_gate.bias" (H,), and the same of
its other gates. With several layers the names have "layer_0." and so on before the gate, and
with two directions "forward." and "backward.": "lstm_1.layer_0.backward.forget_gate.bias".
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Format: TypeAlias = Literal["pytorch", "keras", "onnx"]
Kind: TypeAlias = Literal["rnn", "lstm", "gru", "mgu"]

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


def tensor_name(gate: str, tensor: str) -> str:
    """Of a tensor of a gate; an rnn has one gate without a name."""
    return f"{gate}.{tensor}" if gate else tensor
