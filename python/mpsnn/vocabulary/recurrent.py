"""Recurrent ops, as methods of a graph."""

from __future__ import annotations

from typing import Any, TypeAlias

from mpsnn import _core, arguments
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value

GateNeuron: TypeAlias = "str | tuple[str, *tuple[float, ...]]"
"""A neuron of a gate: the name of a method of `Graph` such as "sigmoid", or that name and the
numbers a, b, c behind it: ("hard_sigmoid", 1 / 6, 0.5)."""

_DEFAULTS: dict[str, tuple[float, ...]] = {
    "linear": (1, 0),
    "relu": (0,),
    "relu_n": (0, 6),
    "sigmoid": (),
    "hard_sigmoid": (0.2, 0.5),
    "tanh": (1, 1),
    "abs": (),
    "softplus": (1, 1),
    "softsign": (),
    "elu": (1,),
    "power": (1, 0, 1),
    "exponential": (1, 0, -1),
    "logarithm": (1, 0, -1),
    "gelu": (),
    "silu": (),
    "clamp": (-1, 1),
}


def gate_neuron(op: str, argument: str, neuron: GateNeuron) -> ops.Neuron:
    """`neuron` as the engine takes it.

    Raises:
        TypeError: If it is neither a name nor a tuple of a name and numbers.
        ShapeError: If there is no neuron of that name, or it has not so many numbers.
    """
    name, *numbers = neuron if isinstance(neuron, tuple | list) and neuron else (neuron,)
    if not isinstance(name, str):
        raise TypeError(f"{op}: {argument} must be the name of a neuron, got {neuron!r}")
    usual = _DEFAULTS[arguments.choice(op, argument, name, list(_DEFAULTS))]
    if len(numbers) > len(usual):
        raise ShapeError(f"{op}: {argument}: {name} has {len(usual)} numbers, got {neuron!r}")
    given = [arguments.real(op, argument, number) for number in numbers]
    a, b, c = (*given, *usual[len(given) :], 0.0, 0.0, 0.0)[:3]
    return ops.Neuron(name, a, b, c)


class Recurrent(Inputs):
    """The recurrent ops of a graph: (T, I) to (T, H), step by step.

    What they have in common, with G gates stacked in the order of the equations:

        x: Sequence, (T, I).
        weight: (G * H, I).
        recurrent_weight: (G * H, H).
        bias: (G * H,). None: 0.
        initial_h: State before the first step, (H,) per image. None: 0.
        lengths: Steps of each image, () per image, whole numbers from 0 to T. None: T. Behind
            its last step y is 0, and nothing is computed.
        reverse: Whether to run from the last step to the first; y keeps the order of x.

    The state after the last step, (H,), is `y.states["h"]`; of an lstm also `y.states["c"]`.
    Gradients reach the inputs through these as through y.
    """

    def rnn(
        self,
        x: Value,
        weight: Value,
        recurrent_weight: Value,
        bias: Value | None = None,
        *,
        initial_h: Value | None = None,
        lengths: Value | None = None,
        activation: GateNeuron = "tanh",
        reverse: bool = False,
        name: str | None = None,
    ) -> Value:
        """H' = activation(W x + U h + b), and y = h'. G = 1; arguments: see `Recurrent`.

        Raises:
            ShapeError: If a shape or neuron is not accepted.
        """
        op = ops.Rnn(gate_neuron("rnn", "activation", activation), bool(reverse))
        optional = {"bias": bias, "initial_h": initial_h, "lengths": lengths}
        return self._recurrent("rnn", op, name, x, weight, recurrent_weight, optional)

    def lstm(
        self,
        x: Value,
        weight: Value,
        recurrent_weight: Value,
        bias: Value | None = None,
        *,
        peephole: Value | None = None,
        initial_h: Value | None = None,
        initial_c: Value | None = None,
        lengths: Value | None = None,
        input_gate: GateNeuron = "sigmoid",
        forget_gate: GateNeuron = "sigmoid",
        cell_gate: GateNeuron = "tanh",
        output_gate: GateNeuron = "sigmoid",
        hidden: GateNeuron = "tanh",
        reverse: bool = False,
        name: str | None = None,
    ) -> Value:
        """Long short-term memory. G = 4; common arguments: see `Recurrent`.

            i = input_gate(Wi x + Ui h + Vi c + bi)
            f = forget_gate(Wf x + Uf h + Vf c + bf)
            g = cell_gate(Wg x + Ug h + Vg c + bg)        c' = f c + i g
            o = output_gate(Wo x + Uo h + Vo c' + bo)     y = h' = o hidden(c')

        Source: Hochreiter & Schmidhuber 1997; peepholes as Gers et al. 2002.

        Args:
            x: Sequence, (T, I).
            weight: (4 * H, I), gates in the order i, f, g, o.
            recurrent_weight: (4 * H, H).
            bias: (4 * H,).
            peephole: V, the diagonals (4 * H,) or whole matrices (4 * H, H). None: 0.
            initial_h: (H,) per image.
            initial_c: (H,) per image. None: 0.
            lengths: () per image.
            input_gate: Neuron of i.
            forget_gate: Neuron of f.
            cell_gate: Neuron of g.
            output_gate: Neuron of o.
            hidden: Neuron between c' and h'.
            reverse: From the last step to the first.
            name: Of the node.

        Raises:
            ShapeError: If a shape or neuron is not accepted.
        """
        neurons = {
            "input_gate": input_gate,
            "forget_gate": forget_gate,
            "cell_gate": cell_gate,
            "output_gate": output_gate,
            "hidden": hidden,
        }
        own = {key: gate_neuron("lstm", key, neuron) for key, neuron in neurons.items()}
        op = ops.Lstm(**own, reverse=bool(reverse))
        states = {"initial_h": initial_h, "initial_c": initial_c, "lengths": lengths}
        optional = {"bias": bias, "peephole": peephole, **states}
        return self._recurrent("lstm", op, name, x, weight, recurrent_weight, optional)

    def gru(
        self,
        x: Value,
        weight: Value,
        recurrent_weight: Value,
        bias: Value | None = None,
        *,
        recurrent_bias: Value | None = None,
        initial_h: Value | None = None,
        lengths: Value | None = None,
        update_gate: GateNeuron = "sigmoid",
        reset_gate: GateNeuron = "sigmoid",
        candidate: GateNeuron = "tanh",
        power: float = 1.0,
        flip: bool = False,
        reset_after: bool = False,
        reverse: bool = False,
        name: str | None = None,
    ) -> Value:
        """Gated recurrent unit. G = 3; common arguments: see `Recurrent`.

            z = update_gate(Wz x + Uz h + bz)        r = reset_gate(Wr x + Ur h + br)
            n = candidate(Wn x + Un (r h) + bn)      y = h' = (1 - z) n + z h

        With `reset_after` as PyTorch, cuDNN and Keras, not MPS:

            n = candidate(Wn x + r (Un h + recurrent_bias) + bn)

        Source: Cho et al. 2014.

        Args:
            x: Sequence, (T, I).
            weight: (3 * H, I), gates in the order z, r, n.
            recurrent_weight: (3 * H, H).
            bias: (3 * H,).
            recurrent_bias: (H,), only with `reset_after`. None: 0.
            initial_h: (H,) per image.
            lengths: () per image.
            update_gate: Neuron of z.
            reset_gate: Neuron of r.
            candidate: Neuron of n.
            power: p > 0: (1 - z ** p) ** (1 / p) takes the place of 1 - z.
            flip: Whether z and 1 - z change places.
            reset_after: Whether r acts behind the product with Un.
            reverse: From the last step to the first.
            name: Of the node.

        Raises:
            ShapeError: If a shape, number or neuron is not accepted.
        """
        neurons = {"update_gate": update_gate, "reset_gate": reset_gate, "candidate": candidate}
        op = ops.Gru(
            **{key: gate_neuron("gru", key, neuron) for key, neuron in neurons.items()},
            power=arguments.positive("gru", "power", power),
            flip=bool(flip),
            reset_after=bool(reset_after),
            reverse=bool(reverse),
        )
        states = {"initial_h": initial_h, "lengths": lengths}
        optional = {"bias": bias, "recurrent_bias": recurrent_bias, **states}
        return self._recurrent("gru", op, name, x, weight, recurrent_weight, optional)

    def mgu(
        self,
        x: Value,
        weight: Value,
        recurrent_weight: Value,
        bias: Value | None = None,
        *,
        initial_h: Value | None = None,
        lengths: Value | None = None,
        update_gate: GateNeuron = "sigmoid",
        candidate: GateNeuron = "tanh",
        power: float = 1.0,
        flip: bool = True,
        reverse: bool = False,
        name: str | None = None,
    ) -> Value:
        """Minimal gated unit, a `gru` whose z is its r too. G = 2; arguments: see there.

            z = update_gate(Wz x + Uz h + bz)
            n = candidate(Wn x + Un (z h) + bn)      y = h' = z n + (1 - z) h

        Source: Zhou et al. 2016. Without `flip`: y = (1 - z) n + z h, which is MPS's default.

        Raises:
            ShapeError: If a shape, number or neuron is not accepted.
        """
        op = ops.Mgu(
            gate_neuron("mgu", "update_gate", update_gate),
            gate_neuron("mgu", "candidate", candidate),
            power=arguments.positive("mgu", "power", power),
            flip=bool(flip),
            reverse=bool(reverse),
        )
        optional = {"bias": bias, "initial_h": initial_h, "lengths": lengths}
        return self._recurrent("mgu", op, name, x, weight, recurrent_weight, optional)

    def _recurrent(
        self,
        kind: str,
        op: Any,
        name: str | None,
        x: Value,
        weight: Value,
        recurrent_weight: Value,
        optional: dict[str, Value | None],
    ) -> Value:
        given = {"x": x, "weight": weight, "recurrent_weight": recurrent_weight}
        ids = [self.check(kind, argument, value) for argument, value in given.items()]
        ids += [
            _core.ValueId() if value is None else self.check(kind, argument, value)
            for argument, value in optional.items()
        ]
        return self._append(kind, op, ids, name)
