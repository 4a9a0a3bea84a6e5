"""LSTMs in bfloat16: products of rounded operands, everything else as in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_bfloat16 import BF16, BOUND, with_bfloat16

from mpsnn import Graph, Predictor, Trainer, layers, optim

STEPS, FEATURES = 6, 5


def trained(
    precision: str, batch: int, threads: int, units: int = 20, **layer: Any
) -> tuple[list[float], dict[str, NDArray[np.float32]], list[str]]:
    """Losses of three steps, the change of each weight, the LSTM's implementations."""
    g = Graph()
    x, labels = g.input(STEPS, FEATURES), g.labels(3)
    x = layers.Conv1d(8, 1)(x)
    y = layers.LSTM(units, name="lstm", **layer)(x)
    loss = g.softmax_cross_entropy(layers.Dense(3)(g.flatten(y)), labels)
    options = {"backend": "cpu", "precision": precision, "threads": threads, "seed": 1}
    rng = np.random.default_rng(2)
    with Trainer(loss, optimizer=optim.SGD(0.5), batch=batch, **options) as trainer:
        before = trainer.state_dict()
        losses = []
        for _ in range(3):
            data = rng.standard_normal((batch, STEPS, FEATURES)).astype(np.float32)
            classes = rng.integers(3, size=batch, dtype=np.int32)
            losses.append(float(trainer.train_step(data, classes).loss.mean()))
        changes = {name: after - before[name] for name, after in trainer.state_dict().items()}
        found = [how for node, how in trainer.implementations() if " lstm" in node]
    return losses, changes, found


def is_narrow(implementation: str) -> bool:
    """Whether it is not what an LSTM of float32 runs, of many images or of few."""
    return implementation not in ("gemm + mpsnn", "gemm + mpsnn:dots")


def assert_trains_as_in_float32(batch: int, threads: int, units: int = 20, **layer: Any) -> None:
    losses, changes, found = trained("bfloat16", batch, threads, units, **layer)
    wide_losses, wide_changes, wide_found = trained("float32", batch, threads, units, **layer)
    assert len(found) == len(wide_found) == 2
    assert all(is_narrow(how) for how in found)
    assert not any(is_narrow(how) for how in wide_found)
    # Losses are about 1: a few roundings to the 8 bits of bfloat16.
    np.testing.assert_allclose(losses, wide_losses, rtol=0, atol=0.02)
    assert losses != wide_losses
    for name, change in wide_changes.items():
        error = np.linalg.norm(changes[name] - change)
        assert error <= BOUND * np.linalg.norm(change), name


@with_bfloat16
@pytest.mark.parametrize("batch", [1, 4, 5])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "layer",
    [{}, {"return_sequences": False}, {"bias": False}, {"trainable": False}, {"reverse": True}],
    ids=str,
)
def test_it_trains_as_in_float32(batch: int, threads: int, layer: dict[str, Any]) -> None:
    assert_trains_as_in_float32(batch, threads, **layer)


@with_bfloat16
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [20, 41])
def test_steps_whose_inputs_are_multiplied_together_need_not_divide_all(
    batch: int, threads: int
) -> None:
    assert_trains_as_in_float32(batch, threads)


@with_bfloat16
@pytest.mark.parametrize("units", [5, 15, 16, 17])
def test_fewer_units_than_a_register_holds(units: int) -> None:
    assert_trains_as_in_float32(3, 1, units)


# Steps of one product with the inputs, and of two; an even and an odd number of units.
@with_bfloat16
@pytest.mark.parametrize("steps", [6, 90])
@pytest.mark.parametrize("units", [20, 33])
@pytest.mark.parametrize(("batch", "threads"), [(1, 2), (1, 7), (3, 7)])
def test_images_that_are_fewer_than_threads_have_the_same_results(
    batch: int, threads: int, units: int, steps: int
) -> None:
    g = Graph(seed=3)
    x = g.input(steps, FEATURES)
    results = [layers.LSTM(units)(x), layers.LSTM(units, return_sequences=False)(x)]
    data = np.random.default_rng(2).standard_normal((batch, steps, FEATURES)).astype(np.float32)
    together = Predictor(results, batch=batch, threads=threads, **BF16).infer(data)
    alone = Predictor(results, batch=batch, threads=1, **BF16).infer(data)
    wide = Predictor(results, batch=batch, backend="reference").infer(data)
    for found, same, expected in zip(together, alone, wide, strict=True):
        np.testing.assert_array_equal(found, same)
        assert np.linalg.norm(found - expected) <= BOUND * np.linalg.norm(expected)


@with_bfloat16
def test_neurons_of_other_kinds_stay_float32() -> None:
    other = {"activation": "relu"}
    found = trained("bfloat16", 4, 1, **other)[2]
    assert not any(is_narrow(how) for how in found)


@with_bfloat16
def test_states_and_lengths_stay_float32(rng: np.random.Generator) -> None:
    g = Graph()
    x = g.input(STEPS, FEATURES, name="x")
    lengths, h, c = g.input(name="lengths"), g.input(4, name="h"), g.input(4, name="c")
    of_lengths = layers.LSTM(4).unroll(x, lengths=lengths).y
    states = layers.LSTM(4).unroll(x, initial=[{"h": h, "c": c}])
    outputs = [of_lengths, states.states[0]["c"]]
    bindings = {
        "x": rng.standard_normal((3, STEPS, FEATURES)),
        "lengths": np.array([2, 6, 0]),
        "h": rng.standard_normal((3, 4)),
        "c": 300 + rng.standard_normal((3, 4)),  # where neighbours in bfloat16 are 2 apart
    }
    data = {name: values.astype(np.float32) for name, values in bindings.items()}
    narrow = Predictor(outputs, batch=3, **BF16).infer(data)
    wide = Predictor(outputs, batch=3, backend="cpu").infer(data)
    for found, expected in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(found, expected)
