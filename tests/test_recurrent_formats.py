"""Weights of recurrent layers from other libraries, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, Predictor, ShapeError, layers, recurrent

KINDS = {"rnn": layers.RNN, "lstm": layers.LSTM, "gru": layers.GRU}
I, H = 3, 4


def state_of(kind: str, **options: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Random weights of such a layer, biases too."""
    g = Graph()
    made = Predictor(KINDS[kind](H, name="layer", **options)(g.input(5, I)), backend="reference")
    rng = np.random.default_rng(0)
    return {n: rng.normal(size=a.shape).astype(np.float32) for n, a in made.state_dict().items()}


@pytest.mark.parametrize("format", ["pytorch", "keras", "onnx"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_there_and_back_is_the_same(format: Any, kind: Any, bias: bool) -> None:
    state = state_of(kind, bias=bias)
    stacked = recurrent.to_stacked(format, kind, state, name="layer")
    back = recurrent.from_stacked(format, kind, stacked, name="layer", reset_after=False)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("format", ["pytorch", "keras", "onnx"])
def test_a_gru_that_resets_after_keeps_its_other_bias(format: Any) -> None:
    state = state_of("gru", reset_after=True)
    stacked = recurrent.to_stacked(format, "gru", state, name="layer")
    back = recurrent.from_stacked(format, "gru", stacked, name="layer")
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def test_rows_are_in_the_order_of_each_library() -> None:
    marks = {"input_gate": 1, "forget_gate": 2, "cell_gate": 3, "output_gate": 4}
    state = {
        f"layer.{gate}.{tensor}": np.full((1, 1), mark, np.float32)
        for gate, mark in marks.items()
        for tensor in ("weight", "recurrent_weight")
    }
    rows = {
        "pytorch": recurrent.to_stacked("pytorch", "lstm", state, name="layer")["weight_hh_l0"],
        "keras": recurrent.to_stacked("keras", "lstm", state, name="layer")["recurrent_kernel"],
        "onnx": recurrent.to_stacked("onnx", "lstm", state, name="layer")["R"],
    }
    order = {name: array.ravel().tolist() for name, array in rows.items()}
    assert order == {"pytorch": [1, 2, 3, 4], "keras": [1, 2, 3, 4], "onnx": [1, 4, 2, 3]}
    gru = {"update_gate": 1, "reset_gate": 2, "candidate": 3}
    state = {
        f"layer.{gate}.{tensor}": np.full((1, 1), mark, np.float32)
        for gate, mark in gru.items()
        for tensor in ("weight", "recurrent_weight")
    }
    stacked = recurrent.to_stacked("pytorch", "gru", state, name="layer")
    assert stacked["weight_ih_l0"].ravel().tolist() == [2, 1, 3]


def test_layers_directions_and_peepholes_have_their_own_names() -> None:
    state = state_of("lstm", layers=2, bidirectional="concat")
    stacked = recurrent.to_stacked("pytorch", "lstm", state, name="layer")
    assert stacked["weight_ih_l1_reverse"].shape == (4 * H, 2 * H)
    back = recurrent.from_stacked("pytorch", "lstm", stacked, name="layer")
    assert all(np.array_equal(back[name], state[name]) for name in state)
    state = state_of("lstm", bidirectional="add", peephole="diagonal")
    for way in ("forward", "backward"):
        state[f"layer.{way}.cell_gate.peephole"][:] = 0
    onnx = recurrent.to_stacked("onnx", "lstm", state, name="layer")
    assert {key: array.shape for key, array in onnx.items()} == {
        "W": (2, 4 * H, I), "R": (2, 4 * H, H), "B": (2, 8 * H), "P": (2, 3 * H),
    }  # fmt: skip
    back = recurrent.from_stacked("onnx", "lstm", onnx, name="layer")
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match="pytorch: has no 'weight_ih_l0' among kernel"):
        recurrent.from_stacked("pytorch", "lstm", {"kernel": np.zeros((1, 4))}, name="a")
    with pytest.raises(ShapeError, match="format must be 'pytorch', 'keras' or 'onnx'"):
        recurrent.from_stacked("mxnet", "lstm", {}, name="a")  # type: ignore[arg-type]
    arrays = {"W": np.zeros((1, 8, 3)), "R": np.zeros((1, 4, 2))}
    with pytest.raises(ShapeError, match="recurrent_weight of a must have 8 rows, got"):
        recurrent.from_stacked("onnx", "lstm", arrays, name="a")
    with pytest.raises(ShapeError, match="b: has no weights of a lstm"):
        recurrent.to_stacked("onnx", "lstm", state_of("lstm"), name="b")
    state = state_of("lstm", peephole="diagonal")
    with pytest.raises(ShapeError, match="keras has no such peepholes"):
        recurrent.to_stacked("keras", "lstm", state, name="layer")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True])
def test_a_layer_of_pytorch_computes_the_same_here(kind: Any, both: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind.upper())(I, H, 2, batch_first=True, bidirectional=both)
    stacked = {name: t.detach().numpy() for name, t in theirs.state_dict().items()}
    weights = recurrent.from_stacked("pytorch", kind, stacked, name="layer")
    options: dict[str, Any] = {"reset_after": True} if kind == "gru" else {}
    g = Graph()
    layer = KINDS[kind](
        H, layers=2, bidirectional="concat" if both else None, name="layer", **options
    )
    result = layer.unroll(g.input(6, I))
    x = np.random.default_rng(1).normal(size=(5, 6, I)).astype(np.float32)
    ours = Predictor([result.y, *(s["h"] for s in result.states)], weights=weights).infer(x)
    y, final = theirs(torch.from_numpy(x))
    final = final[0] if kind == "lstm" else final
    for a, b in zip(ours, (y, *final), strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), atol=1e-6)
