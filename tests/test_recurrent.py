"""Recurrent layers as a user has them: names, states, lengths, steps one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Predictor, ShapeError, Trainer, layers

KINDS = {"rnn": layers.RNN, "lstm": layers.LSTM, "gru": layers.GRU, "mgu": layers.MGU}
T, I, H = 7, 3, 5


def sequences(rng: np.random.Generator, n: int = 4, steps: int = T) -> np.ndarray[Any, Any]:
    return rng.normal(size=(n, steps, I)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_one_at_a_time_equal_the_whole_sequence(kind: str, backend: str, rng: Any) -> None:
    g = Graph()
    lstm = KINDS[kind](H, layers=2, name="layer")
    whole = lstm.unroll(g.input(T, I))
    known = Predictor([whole.y, *(s[k] for s in whole.states for k in s)], backend=backend)
    x = sequences(rng)
    y, *last = known.infer(x)

    one = Graph()
    names = [f"{k}{i}" for i in range(2) for k in lstm.state]
    initial = [{k: one.input(H, name=f"{k}{i}") for k in lstm.state} for i in range(2)]
    step = lstm.unroll(one.input(1, I, name="x"), initial=initial)
    outputs = [step.y, *(s[k] for s in step.states for k in s)]
    stepper = Predictor(outputs, weights=known, batch=4)
    state = {name: np.zeros((4, H), np.float32) for name in names}
    for t in range(T):
        y_t, *after = stepper.infer({"x": x[:, t : t + 1].copy(), **state})
        np.testing.assert_allclose(y_t[:, 0], y[:, t], atol=1e-6)
        state = dict(zip(names, after, strict=True))
    for ours, theirs in zip(after, last, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_an_image_with_a_length_is_as_if_it_ended_there(
    kind: str, reverse: bool, backend: str, rng: Any
) -> None:
    """Also its gradient: what is behind the end is noise, and changes nothing."""
    lengths = np.array([3, T, 1, 0])
    results = []
    for noise in (1.0, 100.0):
        g = Graph()
        x, n, goal = g.input(T, I, name="x"), g.input(dtype="int32", name="n"), g.input(H)
        y = KINDS[kind](H, reverse=reverse, name="layer").unroll(x, lengths=n)
        loss = g.mean_squared_error(y.last, goal)
        trainer = Trainer(
            loss,
            [y.y, y.last],
            batch=4,
            backend=backend,
            optimizer=mpsnn.SGD(0.1),
            export={"y": y.y},
        )
        data = sequences(np.random.default_rng(1))
        for i, length in enumerate(lengths):
            data[i, length:] *= noise
        bound = {"x": data, "n": lengths, goal: np.ones((4, H), np.float32)}
        step = trainer.train_step(bound)
        for i, length in enumerate(lengths):
            assert not step.exported["y"][i, length:].any()
        results.append({"loss": step.loss, **trainer.state_dict()})
        y_all, last = trainer.infer(bound)
        ends = [0 if reverse else max(k - 1, 0) for k in lengths]
        np.testing.assert_array_equal(last, y_all[np.arange(4), ends] * (lengths > 0)[:, None])
    for name in results[0]:
        np.testing.assert_array_equal(results[0][name], results[1][name], err_msg=name)


@pytest.mark.parametrize("bad", [-1, T + 1, 1.5])
def test_a_length_that_is_none_fails_the_step_and_changes_nothing(bad: float, backend: str) -> None:
    g = Graph()
    n = g.input(name="n")
    y = layers.LSTM(H).unroll(g.input(T, I, name="x"), lengths=n).last
    trainer = Trainer(g.reduce_sum(y, 0), y, batch=2, backend=backend)
    before = trainer.state_dict()
    bound = {"x": np.ones((2, T, I), np.float32), "n": np.array([2, bad], np.float32)}
    message = f"lstm: lengths must be whole numbers from 0 to {T}, got {bad:g} for image 1"
    with pytest.raises(ShapeError, match=message.replace("+", r"\+")):
        trainer.train_step(bound).wait()
    with pytest.raises(ShapeError, match="lengths"):
        trainer.infer(bound)
    after = trainer.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    bound["n"][1] = T
    trainer.train_step(bound).wait()


def test_gates_are_saved_under_their_own_names() -> None:
    g = Graph()
    layers.LSTM(H, peephole="diagonal")(g.input(T, I))
    layers.GRU(H, reset_after=True)(g.input(T, I))
    y = layers.RNN(H, layers=2, bidirectional="concat")(g.input(T, I))
    trainer = Predictor(y)
    shapes = {name: array.shape for name, array in trainer.state_dict().items()}
    assert shapes["rnn_1.layer_0.forward.weight"] == (H, I)
    assert shapes["rnn_1.layer_1.backward.weight"] == (H, 2 * H)
    assert shapes["rnn_1.layer_1.backward.recurrent_weight"] == (H, H)
    names = {node.label for node in mpsnn._core.nodes(g.core) if node.parameter}
    assert {"lstm_1.cell_gate.peephole", "gru_1.candidate.recurrent_bias"} <= names
    assert {"lstm_1.input_gate.weight", "gru_1.update_gate.recurrent_weight"} <= names


@pytest.mark.parametrize("joined", ["concat", "add"])
def test_two_directions_are_a_layer_each_way(joined: Any, backend: str, rng: Any) -> None:
    g = Graph()
    x = g.input(T, I)
    both = layers.GRU(H, bidirectional=joined, name="both").unroll(x)
    predictor = Predictor([both.y, both.last], backend=backend)
    data = sequences(rng)
    y, last = predictor.infer(data)
    weights = predictor.state_dict()
    ways = []
    for way in ("forward", "backward"):
        one = Graph()
        result = layers.GRU(H, reverse=way == "backward", name="one").unroll(one.input(T, I))
        prefix = f"both.{way}."
        own = {"one." + n.removeprefix(prefix): a for n, a in weights.items() if prefix in n}
        alone = Predictor([result.y, result.last], weights=own, backend=backend)
        ways.append(alone.infer(data))
    for ours, (a, b) in zip((y, last), zip(*ways, strict=True), strict=True):
        expected = np.concatenate([a, b], axis=-1) if joined == "concat" else a + b
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_dropout_is_between_layers_alone() -> None:
    g = Graph()
    layers.LSTM(H, layers=3, dropout=0.2)(g.input(T, I))
    ops = [node.op for node in mpsnn._core.nodes(g.core)]
    assert [op for op in ops if op in ("lstm", "dropout")] == ["lstm", *["dropout", "lstm"] * 2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("units", [64, 256])
def test_a_wide_layer_is_that_of_the_reference(kind: str, units: int, rng: Any) -> None:
    """Of these widths cpu copies the weight, so that its rows do not meet in a cache."""
    rate = 2.0**12  # so that rounding to the new weight is small
    x, goal = sequences(rng, 3, 8), rng.normal(size=(3, 8, units)).astype(np.float32)
    found = []
    for name in mpsnn.backend_names():
        g = Graph(seed=2)
        y = KINDS[kind](units).unroll(g.input(8, I)).y
        loss = g.mean_squared_error(y, g.labels(8, units))
        with Trainer(loss, y, optimizer=mpsnn.SGD(rate), batch=3, backend=name) as trainer:
            results = {"y": trainer.infer(x)}
            before = trainer.state_dict()
            trainer.train_step(x, goal).wait()
            after = trainer.state_dict()
        found.append(results | {k: (before[k] - after[k]) / rate for k in before})
    for results in found:
        for key, expected in found[-1].items():
            # Eight steps, each with sums of up to 1,024 products that are rounded to 2^-24.
            error = np.linalg.norm(results[key] - expected) / np.linalg.norm(expected)
            assert error < 2e-6, key


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_learns_what_depends_on_the_past(kind: str, backend: str) -> None:
    """Whether the first of the steps was positive."""
    rng = np.random.default_rng(3)
    g = Graph(seed=1)
    label = g.labels(2)
    logits = layers.Dense(2)(KINDS[kind](8, return_sequences=False)(g.input(6, 1)))
    trainer = Trainer(
        g.softmax_cross_entropy(logits, label), logits,
        optimizer=mpsnn.Adam(0.03), batch=32, backend=backend,
    )  # fmt: skip
    for _ in range(150):
        x = rng.normal(size=(32, 6, 1)).astype(np.float32)
        trainer.train_step(x, (x[:, 0, 0] > 0).astype(np.int32))
    x = rng.normal(size=(200, 6, 1)).astype(np.float32)
    # By how sums are rounded an Mgu reaches 0.92 to 0.975, the others 0.975 and more.
    assert trainer.evaluate(x, (x[:, 0, 0] > 0).astype(np.int32)).accuracy > 0.9


def test_training_in_chunks_carries_the_state(backend: str, rng: Any) -> None:
    """Truncated back-propagation: the next chunk begins with the state that the last exported."""
    g = Graph()
    x, goal = g.input(T, I, name="x"), g.input(T, H, name="goal")
    initial = {k: g.input(H, name=k) for k in ("h", "c")}
    unrolled = layers.LSTM(H, name="lstm").unroll(x, initial=[initial])
    loss = g.mean_squared_error(unrolled.y, goal)
    state = unrolled.states[0]
    trainer = Trainer(loss, batch=2, backend=backend, export=state, optimizer=mpsnn.SGD(1e-20))
    data = sequences(rng, 2, 3 * T)
    goals = np.zeros((2, T, H), np.float32)
    now = {k: np.zeros((2, H), np.float32) for k in initial}
    for i in range(3):
        chunk = data[:, i * T : (i + 1) * T].copy()
        now = trainer.train_step({"x": chunk, "goal": goals, **now}).exported
    long = Graph()
    whole = layers.LSTM(H, name="lstm").unroll(long.input(3 * T, I))
    expected = Predictor([whole.states[0][k] for k in now], weights=trainer).infer(data)
    for ours, theirs in zip(now.values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_what_the_gates_were_can_be_exported(rng: Any) -> None:
    """The same on every backend, and what the equations say of y."""
    data = sequences(rng)
    found = []
    for name in mpsnn.backend_names():
        g = Graph(seed=3)
        x, n = g.input(T, I, name="x"), g.input(dtype="int32", name="n")
        y = layers.LSTM(H).unroll(x, lengths=n).y
        states = {"y": y, "gates": y.states["gates"], "cells": y.states["cells"]}
        loss = g.reduce_sum(g.flatten(y), 0)
        trainer = Trainer(loss, batch=4, backend=name, export=states)
        bound = {"x": data, "n": np.array([T, 2, 0, 5])}
        found.append(trainer.train_step(bound).exported)
    for exported in found:
        for name, array in exported.items():
            np.testing.assert_allclose(array, found[0][name], atol=1e-6, err_msg=name)
        output = exported["gates"][..., 3 * H :]
        np.testing.assert_allclose(exported["y"], output * np.tanh(exported["cells"]), atol=1e-6)
        assert not exported["gates"][2].any(), "a sequence without steps"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_behind_the_end_by_a_longer_sequence(
    kind: str, backend: str, rng: Any
) -> None:
    """The memory of a run is that of the run before it."""
    g = Graph()
    x, n = g.input(T, I, name="x"), g.input(name="n")
    y = KINDS[kind](H).unroll(x, lengths=n).y
    loss = g.reduce_sum(g.flatten(y), 0)
    (dx,) = mpsnn._core.add_gradients(g.core, loss.id, [x.id])
    known = [y.id, dx, *(y.states[s].id for s in ("gates", "cells") if s in y.states)]
    exe = mpsnn._core.compile(g.core, batch=2, outputs=known, backend=backend)
    dtype = np.float64 if backend == "reference" else np.float32
    data = sequences(rng, 2).astype(dtype)
    for lengths in ([T, T], [2, 0]):
        results = exe.run(2, [(x.id, data), (n.id, np.array(lengths, dtype))], known)
    for result in results:
        assert result[0, :2].any()
        assert not result[0, 2:].any()
        assert not result[1].any()


# Threads of which some have no cells, or fewer than a register holds.
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("units", [16, 40, 100])
@pytest.mark.parametrize("images", [1, 2, 3])
@pytest.mark.parametrize(("reverse", "states"), [(False, False), (True, True)])
def test_few_images_have_the_results_and_gradients_of_the_reference(
    images: int, units: int, threads: int, reverse: bool, states: bool, rng: Any
) -> None:
    data = {"x": sequences(rng, images), "goal": rng.normal(size=(images, units))}
    data |= {key: rng.normal(size=(images, units)) for key in ("h", "c") if states}
    data = {key: array.astype(np.float32) for key, array in data.items()}
    results = {}
    for backend in "cpu", "reference":
        g = Graph(seed=4)
        x = g.input(T, I, name="x")
        initial = [{key: g.input(units, name=key) for key in ("h", "c")}] if states else None
        lstm = layers.LSTM(units, reverse=reverse).unroll(x, initial=initial)
        loss = g.mean_squared_error(lstm.last, g.input(units, name="goal"))
        outputs = [lstm.y, lstm.last, lstm.states[0]["c"]]
        options = {"backend": backend, "batch": images, "threads": threads}
        with Trainer(loss, outputs, optimizer=mpsnn.SGD(1.0), **options) as trainer:
            ran = dict(trainer.implementations()).values()
            assert ("gemm + mpsnn:dots" in ran) == (backend == "cpu")
            inferred = Predictor(outputs, weights=trainer, **options)
            inputs = {key: data[key] for key in data if key != "goal"}
            found = inferred.infer(inputs)
            trainer.train_step(data).wait()
            results[backend] = [*found, *trainer.state_dict().values()]
    for ours, theirs in zip(results["cpu"], results["reference"], strict=True):
        # Roundings to 2^-24, of sums of up to 100 numbers and 7 steps.
        np.testing.assert_allclose(ours, theirs, atol=5e-6)
