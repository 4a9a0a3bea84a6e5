"""Cases of the recurrent ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from case import Case, Shape

from mpsnn import Graph, Value

GATES = {"rnn": 1, "lstm": 4, "gru": 3, "mgu": 2}


def lengths_of(x: Value) -> Value:
    """A whole number from 0 to T for each image, of which a finite difference sees nothing."""
    g = x.graph
    return g.reduce_sum(g.greater(x[:, 0], x[:, 1]), 0)


def recurrent(
    op: str,
    x: Shape,
    units: int,
    *,
    bias: bool = True,
    extra: Shape | None = None,
    initial: bool = False,
    lengths: bool = False,
    result: Literal["y", "all", "states"] = "y",
    **options: Any,
) -> Case:
    """`op` on sequences x; with an initial state, lengths, and one more parameter of shape `extra`.

    `result` is what the loss is of: y, the final states, or both.
    """
    gates, state = GATES[op], ("h", "c") if op == "lstm" else ("h",)
    images: tuple[Shape, ...] = (x, *((units,) for _ in state if initial))
    parameters: tuple[Shape, ...] = ((gates * units, x[1]), (gates * units, units))
    parameters += ((gates * units,),) if bias else ()
    parameters += (extra,) if extra else ()

    def build(g: Graph, *values: Value, **options: Any) -> Value:
        sequence, *rest = values
        named: dict[str, Value] = {}
        if initial:
            named = dict(zip([f"initial_{s}" for s in state], rest, strict=False))
        if lengths:
            named["lengths"] = lengths_of(sequence)
        own = rest[len(state) if initial else 0 :]
        if extra:
            named["peephole" if op == "lstm" else "recurrent_bias"] = own.pop()
        y = getattr(g, op)(sequence, *own, **named, **options)
        last = [y.states[s] for s in state]
        if result == "y":
            return y
        return g.concat([g.flatten(y), *last] if result == "all" else last)

    told = {"initial": initial, "lengths": lengths, "result": result}
    shown = {key: value for key, value in told.items() if value not in (False, "y")}
    return Case(
        op, lambda g, *v, **o: build(g, *v, **options), images, parameters, options=shown | options
    )


def variants(op: str, **options: Any) -> list[Case]:
    """What every op has, with its own `options`."""
    return [
        recurrent(op, (5, 3), 4, **options),
        recurrent(op, (5, 3), 4, reverse=True, **options),
        recurrent(op, (1, 1), 1, **options),
        recurrent(op, (4, 2), 17, bias=False, **options),
        recurrent(op, (3, 20), 2, initial=True, result="all", **options),
        recurrent(op, (6, 2), 3, lengths=True, **options),
        recurrent(op, (6, 2), 3, lengths=True, initial=True, result="all", reverse=True, **options),
        recurrent(op, (6, 2), 3, lengths=True, initial=True, result="states", **options),
    ]


def more(op: str, shape: Callable[[int], Shape], **options: Any) -> list[Case]:
    """With one more parameter, of a shape that depends on the units."""
    every: dict[str, Any] = {"lengths": True, "initial": True, "result": "all"}
    return [
        recurrent(op, (6, 2), 3, extra=shape(3), **every, **options),
        recurrent(op, (4, 3), 5, extra=shape(5), reverse=True, **options),
    ]


def stacked(op: str, x: Shape, units: int, **options: Any) -> Case:
    """Two layers, each in both directions, the first state of the second from the first."""
    rows = GATES[op] * units
    parameters: tuple[Shape, ...] = ()
    for width in (x[1], x[1], 2 * units, 2 * units):
        parameters += ((rows, width), (rows, units), (rows,))

    def build(g: Graph, sequence: Value, *own: Value, **_: Any) -> Value:
        method, lengths = getattr(g, op), lengths_of(sequence)
        ways = [
            method(sequence, *own[3 * i : 3 * i + 3], lengths=lengths, reverse=i == 1, **options)
            for i in range(2)
        ]
        both = g.concat(ways)
        ends = [
            method(
                both,
                *own[6 + 3 * i : 9 + 3 * i],
                lengths=lengths,
                reverse=i == 1,
                initial_h=ways[i].states["h"],
                **options,
            )
            for i in range(2)
        ]
        return g.concat([g.flatten(ends[0] + ends[1]), ends[0].states["h"], ends[1].states["h"]])

    return Case(op, build, (x,), parameters, options={"layers": 2} | options)


LSTM_NEURONS: dict[str, Any] = {
    "input_gate": "hard_sigmoid",
    "forget_gate": ("hard_sigmoid", 1 / 6, 0.4),
    "cell_gate": ("tanh", 1.5, 0.7),
    "output_gate": "elu",
    "hidden": "softsign",
}

CASES = [
    *variants("rnn"),
    recurrent("rnn", (4, 3), 5, activation="linear"),
    recurrent("rnn", (4, 3), 5, activation=("elu", 0.5), lengths=True),
    *variants("lstm"),
    *more("lstm", lambda units: (4 * units,)),
    *more("lstm", lambda units: (4 * units, units)),
    recurrent("lstm", (4, 3), 5, extra=(20,), **LSTM_NEURONS),
    recurrent("lstm", (4, 3), 5, hidden="gelu", initial=True, result="states"),
    *variants("gru"),
    *variants("gru", reset_after=True),
    *more("gru", lambda units: (units,), reset_after=True),
    recurrent("gru", (4, 3), 5, power=2.0, initial=True),
    recurrent("gru", (4, 3), 5, flip=True, power=0.5, reset_after=True, initial=True),
    recurrent("gru", (4, 3), 5, update_gate="hard_sigmoid", candidate="elu", flip=True),
    *variants("mgu"),
    *(stacked(op, (4, 2), 3) for op in GATES),
    stacked("gru", (4, 2), 3, reset_after=True),
    recurrent("mgu", (4, 3), 5, power=2.0, flip=False, initial=True, result="all"),
]
