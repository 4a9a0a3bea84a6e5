"""Recurrent ops and layers: a mistake names op and argument, and leaves the graph as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, Predictor, ShapeError, Trainer, Value, layers


def op(name: str, gates: int, weight: Any = None, recurrent: Any = None, **more: Any) -> Any:
    """Builds `name` with weights of 4 units for sequences (6, 3), or with others."""

    def build(g: Graph, x: Value) -> Value:
        shapes = weight or (gates * 4, 3), recurrent or (gates * 4, 4)
        values = [g.parameter(*shape) for shape in shapes]
        options = {k: v(g) if callable(v) else v for k, v in more.items()}
        return getattr(g, name)(x, *values, **options)

    return build


SHAPE_ERRORS: list[tuple[Callable[[Graph, Value], Any], str]] = [
    (lambda g, x: op("lstm", 4)(g, g.flatten(x)), "lstm: x must be a sequence (T, I), got (18,)"),
    (lambda g, x: op("rnn", 1)(g, g.parameter(6, 3)), "rnn: x (6, 3) must have a batch axis"),
    (op("lstm", 4, (15, 3)), "lstm: weight must be (4 * H, 3) for x (6, 3), got (15, 3)"),
    (op("rnn", 1, (4, 2)), "rnn: weight must be (H, 3) for x (6, 3), got (4, 2)"),
    (op("gru", 3, (12,)), "gru: weight must be (3 * H, 3) for x (6, 3), got (12,)"),
    (op("gru", 3, None, (12, 3)),
     "gru: recurrent_weight must be (12, 4) for weight (12, 3), got (12, 3)"),
    (op("mgu", 2, bias=lambda g: g.parameter(4)),
     "mgu: bias must be (8,) for weight (8, 3), got (4,)"),
    (op("lstm", 4, peephole=lambda g: g.parameter(4, 4)),
     "lstm: peephole must be (16,) or (16, 4) for weight (16, 3), got (4, 4)"),
    (op("lstm", 4, initial_c=lambda g: g.input(5)),
     "lstm: initial_c must be (4,) for weight (16, 3), got (5,)"),
    (op("lstm", 4, initial_h=lambda g: g.parameter(4)), "lstm: initial_h (4,) must have a batch"),
    (op("rnn", 1, lengths=lambda g: g.input(1)), "rnn: lengths must be () for x (6, 3), got (1,)"),
    (op("gru", 3, recurrent_bias=lambda g: g.parameter(4)),
     "gru: recurrent_bias is for reset_after alone"),
    (op("gru", 3, reset_after=True, recurrent_bias=lambda g: g.parameter(12)),
     "gru: recurrent_bias must be (4,) for weight (12, 3), got (12,)"),
    (op("gru", 3, power=0.0), "gru: power must be greater than 0, got 0.0"),
    (op("mgu", 2, power=1e-46), "mgu: power must be positive and finite, got 0"),
    (op("rnn", 1, activation="softsign"),
     "rnn: activation: the slope of softsign does not follow from its result"),
    (op("lstm", 4, cell_gate=("relu", -0.5)),
     "lstm: cell_gate: the slope of relu a=-0.5 does not follow from its result"),
    (op("lstm", 4, hidden=("relu_n", 0, -1)), "lstm: hidden: relu_n: b must be positive"),
    (op("rnn", 1, activation="sinus"), "rnn: activation must be 'linear', 'relu', 'relu_n', "),
    (op("rnn", 1, activation=("tanh", 1, 2, 3)), "rnn: activation: tanh has 2 numbers, got"),
    (op("rnn", 1, activation=("tanh", float("nan"))), "rnn: activation must be finite, got nan"),
    (lambda g, x: layers.LSTM(0)(x), "lstm: units must be from 1 to 2147483647, got 0"),
    (lambda g, x: layers.GRU(4, layers=0)(x), "gru: layers must be from 1 to"),
    (lambda g, x: layers.RNN(4, dropout=1.0)(x), "rnn: dropout must be at least 0 and less than 1"),
    (lambda g, x: layers.MGU(4, bidirectional="both")(x),
     "mgu: bidirectional must be 'concat' or 'add', got 'both'"),
    (lambda g, x: layers.MGU(4, bidirectional="add", reverse=True)(x),
     "mgu: reverse and bidirectional must not both be given"),
    (lambda g, x: layers.LSTM(4, peephole="half")(x), "lstm: peephole must be 'diagonal' or 'full'"),
    (lambda g, x: layers.LSTM(4)(g.flatten(x)), "lstm: x must be a sequence (T, I), got (18,)"),
    (lambda g, x: layers.LSTM(4, layers=2).unroll(x, initial=[{}]),
     "lstm: initial must have 2 states, one per layer and direction, got 1"),
    (lambda g, x: layers.LSTM(4).unroll(x, initial=[{"h": g.input(4)}]),
     "lstm: a state of initial must have h and c, got 'h'"),
    (lambda g, x: layers.GRU(4).unroll(x, initial=[{"h": g.input(5)}]),
     "gru: initial_h must be (4,) for weight (12, 3), got (5,)"),
    (lambda g, x: layers.GRU(4).unroll(x, lengths=g.input(2)), "gru: lengths must be () for x"),
    (lambda g, x: layers.LSTM(4, forget_bias=float("inf"))(x), "lstm: forget_bias must be finite"),
    (lambda g, x: g.image_to_matrix(x), "image_to_matrix: x must be an image (H, W, C), float32"),
    (lambda g, x: g.image_to_matrix(g.input(2, 2, 2), "pixels"),
     "image_to_matrix: steps must be 'columns' or 'rows', got 'pixels'"),
    (lambda g, x: g.matrix_to_image(x, 2),
     "matrix_to_image: channels 2 must divide the last axis of x (6, 3)"),
    (lambda g, x: g.matrix_to_image(g.flatten(x)), "matrix_to_image: x must be a sequence (T, K)"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "message"), SHAPE_ERRORS, ids=[m for _, m in SHAPE_ERRORS])
def test_a_mistake_in_shapes_is_named(build: Callable[..., Any], message: str) -> None:
    g = Graph()
    x = g.input(6, 3, name="x")
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(g, x)
    assert not any(op in str(g) for op in ("lstm", "gru", "rnn(", "mgu", "concat"))


def test_a_refused_layer_leaves_the_graph_as_it_was() -> None:
    g = Graph()
    x = g.input(6, 3)
    before = str(g)
    for layer in (layers.LSTM(4, peephole="half"), layers.GRU(4, activation="softsign")):
        with pytest.raises(ShapeError):
            layer(x)
        assert str(g) == before
    assert layers.LSTM(4)(x).label == "lstm_1"


def test_what_is_no_value_is_named() -> None:
    g = Graph()
    x = g.input(6, 3)
    with pytest.raises(TypeError, match="lstm: x must be a Value, got int"):
        layers.LSTM(4)(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gru: lengths must be a Value, got int"):
        layers.GRU(4).unroll(x, lengths=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gru: initial 'h' must be a Value, got int"):
        layers.GRU(4).unroll(x, initial=[{"h": 3}])  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="rnn: weight must be a Value, got NoneType"):
        g.rnn(x, None, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rnn: activation must be the name of a neuron, got 3"):
        op("rnn", 1, activation=3)(g, x)
    with pytest.raises(ShapeError, match=r"lstm: lengths .* belongs to another graph"):
        layers.LSTM(4).unroll(x, lengths=Graph().input())


def test_integers_that_do_not_fit_an_input_are_refused() -> None:
    g = Graph()
    n = g.input(dtype="int32", name="n")
    predictor = Predictor(n + 1.0)
    assert predictor.infer(np.array([3, -4])).tolist() == [4, -3]
    assert predictor.infer(np.array([3], np.uint16)).tolist() == [4]
    with pytest.raises(ShapeError, match=r"images\['n'\]: must fit int32, got 1 to 2147483648"):
        predictor.infer(np.array([1, 2**31]))
    with pytest.raises(ShapeError, match="images: dtype must be int32, got float32"):
        predictor.infer(np.array([1], np.float32))
    with pytest.raises(ShapeError, match="images: the batch is empty"):
        predictor.infer(np.array([], np.int64))


def test_weights_that_do_not_fit_a_predictor_are_named(tmp_path: Path) -> None:
    g = Graph()
    y = layers.Dense(2, name="a")(g.input(3))
    with pytest.raises(
        ShapeError, match=re.escape("fit: a.weight must be (2, 3), got (3, 3); missing a.bias (2,)")
    ):
        Predictor(y, weights={"a.weight": np.ones((3, 3), np.float32)})
    other = Graph()
    known = Predictor(layers.Dense(2, name="b")(other.input(3)))
    with pytest.raises(ShapeError, match=re.escape("missing a.weight (2, 3); missing a.bias (2,)")):
        Predictor(y, weights=known)
    with pytest.raises(ShapeError, match="predictor: backend nowhere, but weights are on"):
        Predictor(y, weights=known, backend="nowhere")
    with pytest.raises(TypeError, match="predictor: outputs must be a Value or several, got 3"):
        Predictor(3)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match="predictor: weights must be a Trainer, a Predictor, arrays"
    ):
        Predictor(y, weights=3)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="none"):
        Predictor(y, weights=tmp_path / "none")
    with pytest.raises(ShapeError, match="outputs: value"):
        Predictor(g.parameter(3))
    with pytest.raises(ShapeError, match=re.escape("images: must be (N, 3), got (2, 4)")):
        Predictor(y).infer(np.ones((2, 4), np.float32))


def test_a_predictor_follows_the_trainer_and_reads_its_files(backend: str, tmp_path: Path) -> None:
    g = Graph()
    x, goal = g.input(3, name="x"), g.input(2, name="goal")
    y = layers.Dense(2, name="a")(x)
    trainer = Trainer(g.mean_squared_error(y, goal), y, backend=backend, batch=4)
    live = Predictor(y, weights=trainer, batch=2)
    assert live.backend == backend
    data = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    before = live.infer(data)
    np.testing.assert_allclose(before, trainer.infer({"x": data}), atol=1e-6)
    for _ in range(3):
        trainer.train_step({"x": data[:4], "goal": np.ones((4, 2), np.float32)})
    after = live(data)
    assert abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, trainer.infer({"x": data}), atol=1e-6)
    trainer.save(tmp_path / "net")
    for weights in (tmp_path / "net", str(tmp_path / "net"), trainer.state_dict()):
        apart = Predictor(y, weights=weights, backend=backend)
        np.testing.assert_allclose(apart.infer(data), after, atol=1e-6)
    trainer.close()
    np.testing.assert_allclose(live.infer(data), after, atol=1e-6)
