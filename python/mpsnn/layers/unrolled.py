"""What recurrent layers share: one parameter per gate, stacked for the op; layers; directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.graph import GateNeuron, Graph
from mpsnn.initializers import GLOROT_UNIFORM, ORTHOGONAL, ZERO, Initializer
from mpsnn.layers.base import value_of
from mpsnn.layers.weights import Shapes, check
from mpsnn.recurrent import GATES, tensor_name
from mpsnn.sources import DataSource, InitializerSource
from mpsnn.values import Value

State: TypeAlias = Mapping[str, Value]
"""What one direction of one layer hands from step to step: "h", and of an LSTM "c"; (H,)."""


class Unrolled(NamedTuple):
    """What a recurrent layer makes of a sequence.

    Attributes:
        y: Of every step, (T, H); both directions joined.
        last: The state h behind the last step, (H,), both directions joined.
        states: Behind the last step, of each layer from the first, forward before backward.
    """

    y: Value
    last: Value
    states: tuple[dict[str, Value], ...]


@dataclass(frozen=True)
class Recurrent:
    """What recurrent layers have in common: (T, I) to (T, H), or (H,) of the last step.

    Args:
        units: H.
        layers: One on top of the other.
        bidirectional: Whether each layer also runs from the last step to the first, with
            weights of its own, and how results are joined: "concat" gives 2 * H, "add" H.
        dropout: Rate between layers, at least 0 and under 1.
        return_sequences: Whether the result is that of every step. If not, it is the state
            behind the last step: of an image with a length, behind its own last step.
        reverse: Whether the steps run from the last to the first; not with `bidirectional`.
        bias: Whether gates have one.
        activation: Neuron of the candidate, and of an LSTM's result.
        recurrent_activation: Neuron of the other gates.
        source: Lends all tensors of the layer, such as "input_gate.weight" (H, I),
            "input_gate.recurrent_weight" (H, H), "input_gate.bias" (H,): see
            `mpsnn.recurrent`. None: drawn from the initialisers.
        initializer: Of weights.
        recurrent_initializer: Of recurrent weights.
        trainable: Whether training changes the weights.
        name: Of the layer; None: lstm_1, lstm_2, ...
    """

    units: int
    layers: int = 1
    bidirectional: Literal["concat", "add"] | None = None
    dropout: float = 0.0
    return_sequences: bool = True
    reverse: bool = False
    bias: bool = True
    activation: GateNeuron = "tanh"
    recurrent_activation: GateNeuron = "sigmoid"
    source: DataSource | None = None
    initializer: Initializer = GLOROT_UNIFORM
    recurrent_initializer: Initializer = ORTHOGONAL
    trainable: bool = True
    name: str | None = None

    kind: ClassVar[str]
    state: ClassVar[tuple[str, ...]] = ("h",)

    def __post_init__(self) -> None:
        check(
            self.kind,
            self.source,
            initializer=self.initializer,
            recurrent_initializer=self.recurrent_initializer,
        )

    def __call__(self, x: Value) -> Value:
        """The layer's output for sequence `x`, (T, I)."""
        result = self.unroll(x)
        return result.y if self.return_sequences else result.last

    def unroll(
        self,
        x: Value,
        *,
        initial: Sequence[State] | None = None,
        lengths: Value | None = None,
    ) -> Unrolled:
        """The layer's outputs and final states, from an initial state and for given lengths.

        Args:
            x: Sequence, (T, I).
            initial: State before the first step, as `Unrolled.states`. None: 0.
            lengths: Steps of each image, (), whole numbers from 0 to T. None: T.

        Raises:
            ShapeError: If a shape, number or neuron is not accepted.
        """
        check = value_of(self.kind, x).graph.check
        given = [dict(state) for state in initial or ()]
        for state in given:
            for key, value in state.items():
                check(self.kind, f"initial {key!r}", value)
        if lengths is not None:
            check(self.kind, "lengths", lengths)
        # Tried on a graph of its own first: a refused layer leaves no weights.
        trial = Graph()
        self._append(
            trial.input(*x.shape),
            [{k: trial.input(*v.shape) for k, v in state.items()} for state in given],
            None if lengths is None else trial.input(*lengths.shape),
        )
        return self._append(x, given, lengths)

    def _append(
        self, x: Value, initial: Sequence[dict[str, Value]], lengths: Value | None
    ) -> Unrolled:
        self._check(x, initial)
        graph = x.graph
        with graph.naming(self.kind, self.name) as name:
            tensors = self._parameters(graph, name, x.shape[1])
            y = x
            states: list[dict[str, Value]] = []
            for layer, directions in enumerate(self._directions()):
                if layer and self.dropout:
                    y = graph.dropout(y, self.dropout)
                results = []
                for prefix, reverse in directions:
                    begin = initial[len(states)] if initial else {}
                    known = {f"initial_{key}": value for key, value in begin.items()}
                    if lengths is not None:
                        known["lengths"] = lengths
                    weights = self._stacked(graph, tensors, prefix)
                    label = f"{name}.{prefix[:-1]}" if prefix else name
                    result = self._op(y, weights | known, reverse, label)
                    results.append(result)
                    states.append({key: result.states[key] for key in self.state})
                y = self._joined(results)
            last = self._joined([state["h"] for state in states[-len(results) :]])
            return Unrolled(y, last, tuple(states))

    def _joined(self, results: list[Value]) -> Value:
        if len(results) == 1:
            return results[0]
        graph = results[0].graph
        return graph.add(*results) if self.bidirectional == "add" else graph.concat(results)

    def _check(self, x: Value, initial: Sequence[dict[str, Value]]) -> None:
        arguments.integer(self.kind, "units", self.units, 1)
        arguments.integer(self.kind, "layers", self.layers, 1)
        arguments.fraction(self.kind, "dropout", self.dropout)
        if self.bidirectional is not None:
            arguments.choice(self.kind, "bidirectional", self.bidirectional, ("concat", "add"))
            if self.reverse:
                raise ShapeError(f"{self.kind}: reverse and bidirectional must not both be given")
        if len(x.shape) != 2:
            raise ShapeError(f"{self.kind}: x must be a sequence (T, I), got {x.shape}")
        count = self.layers * (2 if self.bidirectional else 1)
        if initial and len(initial) != count:
            raise ShapeError(
                f"{self.kind}: initial must have {count} states, one per layer and direction, "
                f"got {len(initial)}"
            )
        for state in initial:
            if set(state) != set(self.state):
                raise ShapeError(
                    f"{self.kind}: a state of initial must have {' and '.join(self.state)}, "
                    f"got {', '.join(map(repr, state)) or 'nothing'}"
                )

    def _directions(self) -> list[list[tuple[str, bool]]]:
        """Of each layer, prefix of its tensors and whether it runs backward."""
        out = []
        for layer in range(self.layers):
            prefix = f"layer_{layer}." if self.layers > 1 else ""
            if self.bidirectional:
                out.append([(f"{prefix}forward.", False), (f"{prefix}backward.", True)])
            else:
                out.append([(prefix, bool(self.reverse))])
        return out

    def _parameters(self, graph: Graph, name: str, width: int) -> dict[str, Value]:
        shapes: Shapes = {}
        for layer, directions in enumerate(self._directions()):
            below = self.units * (2 if self.bidirectional == "concat" else 1)
            for prefix, _ in directions:
                own = self._shapes(below if layer else width)
                shapes |= {prefix + tensor: shape for tensor, shape in own.items()}
        drawn = {tensor: self._initializer(tensor.split(".")[-2:]) for tensor in shapes}
        source = self.source or InitializerSource(seed=graph.seed, name=name, **drawn)
        frozen = () if self.trainable else tuple(shapes)
        return graph.parameters(source, shapes, name=name, frozen=frozen)

    def _shapes(self, width: int) -> Shapes:
        """Of one direction of one layer."""
        shapes: Shapes = {}
        for gate in GATES[self.kind]:
            shapes[tensor_name(gate, "weight")] = (self.units, width)
            shapes[tensor_name(gate, "recurrent_weight")] = (self.units, self.units)
            if self.bias:
                shapes[tensor_name(gate, "bias")] = (self.units,)
        return shapes

    def _initializer(self, tensor: Sequence[str]) -> Initializer:
        """By the name of the gate, if there are several, and that of the tensor."""
        kinds = {"weight": self.initializer, "recurrent_weight": self.recurrent_initializer}
        return kinds.get(tensor[-1], ZERO)

    def _stacked(self, graph: Graph, tensors: dict[str, Value], prefix: str) -> dict[str, Value]:
        """The tensors of one direction, those of all gates below each other."""
        out = {}
        for kind in ("weight", "recurrent_weight", "bias", "peephole"):
            names = [prefix + tensor_name(gate, kind) for gate in GATES[self.kind]]
            rows = [tensors[name] for name in names if name in tensors]
            if rows:
                out[kind] = rows[0] if len(rows) == 1 else graph.concat(rows, axis=0)
        if prefix + "candidate.recurrent_bias" in tensors:
            out["recurrent_bias"] = tensors[prefix + "candidate.recurrent_bias"]
        return out

    def _op(self, x: Value, values: dict[str, Value], reverse: bool, name: str) -> Value:
        neurons = {gate: self._neuron(gate) for gate in GATES[self.kind] if gate}
        append: Any = getattr(x.graph, self.kind)
        result: Value = append(
            x, **values, **neurons, **self._options(), reverse=reverse, name=name
        )
        return result

    def _neuron(self, gate: str) -> GateNeuron:
        same = gate in ("candidate", "cell_gate")
        return self.activation if same else self.recurrent_activation

    def _options(self) -> dict[str, Any]:
        return {}
