"""Golden vectors of the recurrent ops: `python tests/golden.py --write`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsnn import Graph, _core

FOLDER = Path(__file__).parent / "golden"
N, T, I, H = 4, 6, 3, 5
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "mgu": 2}
Arrays = dict[str, NDArray[np.float64]]

VARIANTS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "rnn": ("rnn", {}, {}),
    "rnn_relu": ("rnn", {"activation": "relu"}, {}),
    "rnn_reverse": ("rnn", {"reverse": True}, {}),
    "lstm": ("lstm", {}, {}),
    "lstm_reverse": ("lstm", {"reverse": True}, {}),
    "lstm_peephole_diagonal": ("lstm", {}, {"peephole": (4 * H,)}),
    "lstm_peephole_full": ("lstm", {}, {"peephole": (4 * H, H)}),
    "lstm_hard_sigmoid": (
        "lstm",
        {gate: "hard_sigmoid" for gate in ("input_gate", "forget_gate", "output_gate")},
        {},
    ),
    "gru": ("gru", {}, {}),
    "gru_reverse": ("gru", {"reverse": True}, {}),
    "gru_reset_after": ("gru", {"reset_after": True}, {"recurrent_bias": (H,)}),
    "gru_flip_power": ("gru", {"flip": True, "power": 2.0}, {}),
    "mgu": ("mgu", {}, {}),
    "mgu_reverse": ("mgu", {"reverse": True}, {}),
}
"""Op, attributes, and shapes of further parameters."""


def drawn(variant: str) -> Arrays:
    """Inputs, parameters and output gradients of a variant."""
    op, _, extra = VARIANTS[variant]
    rng = np.random.default_rng(list(variant.encode()))
    rows = GATES[op] * H
    states = ("h", "c") if op == "lstm" else ("h",)
    shapes: dict[str, tuple[int, ...]] = {
        "x": (N, T, I),
        "weight": (rows, I),
        "recurrent_weight": (rows, H),
        "bias": (rows,),
        **extra,
        **{f"initial_{s}": (N, H) for s in states},
        "dy": (N, T, H),
        **{f"d{s}": (N, H) for s in states},
    }
    # Exact in float32, so that every backend starts from the same numbers.
    arrays = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    arrays["lengths"] = np.array([T, 3, 1, 5], np.float32)
    return {name: a.astype(np.float64) for name, a in arrays.items()}


def computed(variant: str, given: Arrays, backend: str) -> Arrays:
    """Outputs and gradients of a variant for the arrays of `drawn`."""
    op, attributes, extra = VARIANTS[variant]
    parameters = ["weight", "recurrent_weight", "bias", *extra]
    g = Graph()
    values = {name: g.parameter(*given[name].shape, name=name) for name in parameters}
    seeds = [name for name in given if name in ("dy", "dh", "dc")]
    images = ["x", *(f"initial_{s[1]}" for s in seeds[1:]), "lengths"]
    values |= {name: g.input(*given[name].shape[1:], name=name) for name in [*images, *seeds]}
    arguments = {name: values[name] for name in (*parameters, *images)}
    y = getattr(g, op)(**arguments, **attributes)
    outputs = {"y": y, **{s[1]: y.states[s[1]] for s in seeds[1:]}}
    loss = sum(
        g.reduce_sum(g.flatten(value * values[f"d{name}"]), 0) for name, value in outputs.items()
    )
    wrt = [name for name in (*parameters, *images) if name != "lengths"]
    ids = _core.add_gradients(g.core, loss.id, [values[name].id for name in wrt])
    wanted = [*(value.id for value in outputs.values()), *ids]
    exe = _core.compile(g.core, batch=N, outputs=wanted, backend=backend)
    dtype = np.float64 if backend == "reference" else np.float32
    exe.session.write({name: given[name].astype(dtype) for name in parameters})
    bound = [(values[name].id, given[name].astype(dtype)) for name in (*images, *seeds)]
    results = exe.run(N, bound, wanted)
    names = [*outputs, *(f"grad_{name}" for name in wrt)]
    out = {name: np.asarray(a, np.float64) for name, a in zip(names, results, strict=True)}
    # The engine's gradients are those of the mean over the images.
    return {name: a * N if name.startswith("grad_") else a for name, a in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    for variant in VARIANTS:
        given = drawn(variant)
        results = computed(variant, given, "reference")
        np.savez_compressed(FOLDER / f"{variant}.npz", **given, **results)


if __name__ == "__main__":
    main()
