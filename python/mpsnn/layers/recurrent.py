"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from mpsnn import arguments
from mpsnn.initializers import Constant, Initializer
from mpsnn.layers.unrolled import Recurrent
from mpsnn.layers.weights import Shapes
from mpsnn.recurrent import GATES, tensor_name


@dataclass(frozen=True)
class RNN(Recurrent):
    """Simple recurrent layer, as `Graph.rnn`: h' = activation(W x + U h + b).

    Arguments: see `Recurrent`. The tensors are "weight", "recurrent_weight" and "bias".
    """

    kind: ClassVar[str] = "rnn"

    def _options(self) -> dict[str, Any]:
        return {"activation": self.activation}


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory, as `Graph.lstm`.

    Args:
        peephole: Whether gates see the cell: by the "diagonal", (H,) per gate, or a "full"
            matrix, (H, H) per gate; "input_gate.peephole" and so on, at first 0.
        forget_bias: First value of the forget gate's bias. Source: Jozefowicz et al. 2015.

    The other arguments are those of `Recurrent`. The gates are input_gate, forget_gate, cell_gate
    and output_gate.
    """

    peephole: Literal["diagonal", "full"] | None = None
    forget_bias: float = 1.0

    kind: ClassVar[str] = "lstm"
    state: ClassVar[tuple[str, ...]] = ("h", "c")

    def _shapes(self, width: int) -> Shapes:
        shapes = super()._shapes(width)
        if self.peephole is not None:
            arguments.choice("lstm", "peephole", self.peephole, ("diagonal", "full"))
            own = (self.units,) if self.peephole == "diagonal" else (self.units, self.units)
            shapes |= {tensor_name(gate, "peephole"): own for gate in GATES["lstm"]}
        return shapes

    def _initializer(self, tensor: Sequence[str]) -> Initializer:
        if list(tensor) == ["forget_gate", "bias"]:
            return Constant(arguments.real("lstm", "forget_bias", self.forget_bias))
        return super()._initializer(tensor)

    def _options(self) -> dict[str, Any]:
        return {"hidden": self.activation}


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit, as `Graph.gru`.

    Args:
        reset_after: Whether the reset gate acts behind the product, as in PyTorch and Keras;
            with bias there is then a "candidate.recurrent_bias" too.

    The other arguments are those of `Recurrent`. The gates are update_gate, reset_gate and
    candidate.
    """

    reset_after: bool = False

    kind: ClassVar[str] = "gru"

    def _shapes(self, width: int) -> Shapes:
        shapes = super()._shapes(width)
        if self.reset_after and self.bias:
            shapes["candidate.recurrent_bias"] = (self.units,)
        return shapes

    def _options(self) -> dict[str, Any]:
        return {"reset_after": self.reset_after}


@dataclass(frozen=True)
class MGU(Recurrent):
    """Minimal gated unit, as `Graph.mgu`. Arguments: see `Recurrent`.

    The gates are update_gate and candidate.
    """

    kind: ClassVar[str] = "mgu"
