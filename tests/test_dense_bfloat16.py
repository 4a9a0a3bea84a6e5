"""Dense layers of bfloat16 by our own loops: few rows, and weights that change at every step."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_bfloat16 import with_bfloat16

from mpsnn import Graph, Predictor, Trainer, layers, optim

IMAGE = (2, 3, 5)
OWN = re.compile("mpsnn:(amx|avx512_bf16)")


def network(inputs: int, outputs: int, activation: str) -> tuple[Any, Any]:
    """A layer between another one, whose gradient comes through it, and the loss."""
    g = Graph(seed=1)
    x = layers.Dense(inputs, name="before")(g.flatten(g.input(*IMAGE)))
    y = layers.Dense(outputs, name="dense")(x)
    if activation:
        y = getattr(g, activation)(y)
    return g.mean_squared_error(y, g.labels(outputs)), y


def data(batch: int, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((batch, *IMAGE), np.float32)
    return x, rng.standard_normal((batch, outputs), np.float32)


def trained(
    inputs: int, outputs: int, batch: int, activation: str, **options: Any
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The result, what a step of SGD subtracts from each weight, and what ran each node."""
    loss, y = network(inputs, outputs, activation)
    x, target = data(batch, outputs)
    with Trainer(loss, y, optimizer=optim.SGD(1.0), batch=batch, **options) as trainer:
        found = {"y": trainer.infer(x)}
        before = trainer.state_dict()
        trainer.train_step(x, target).wait()
        found |= {name: before[name] - after for name, after in trainer.state_dict().items()}
        return found, dict(trainer.implementations())


pytestmark = with_bfloat16


def compare(inputs: int, outputs: int, batch: int, activation: str) -> dict[str, str]:
    """With the reference. Returns what ran each node."""
    narrow, ran = trained(inputs, outputs, batch, activation, backend="cpu", precision="bfloat16")
    wide, _ = trained(inputs, outputs, batch, activation, backend="reference")
    for name, expected in wide.items():
        # Of each number, three roundings to 2^-9 from x to the gradient of the first layer.
        error = np.linalg.norm(narrow[name] - expected)
        assert error <= 2**-6 * np.linalg.norm(expected), name
    return ran


def is_forward(node: str) -> bool:
    """Of the dense layer between input and loss."""
    return "'dense'" in node


# Inputs that are odd, and that fill blocks of 32 or not; outputs of one block of 64 or several.
@pytest.mark.parametrize("inputs", [1, 32, 101])
@pytest.mark.parametrize("outputs", [64, 130])
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_few_rows_give_what_the_reference_does(inputs: int, outputs: int, batch: int) -> None:
    ran = compare(inputs, outputs, batch, "")
    # A weight that changes at every step is read as it lies, in float32.
    if inputs >= 16 and batch <= 2:
        assert "mpsnn:dots in float32" in [how for node, how in ran.items() if is_forward(node)]


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(("inputs", "batch"), [(70, 2), (64, 2), (64, 45)])
def test_results_have_any_activation(activation: str, inputs: int, batch: int) -> None:
    options: dict[str, Any] = {"backend": "cpu", "precision": "bfloat16"}
    narrow, _ = trained(inputs, 96, batch, activation, **options)
    wide, _ = trained(inputs, 96, batch, activation, backend="reference")
    # Of x, the weights and the values between the layers, rounded to 2^-9 each.
    np.testing.assert_allclose(narrow["y"], wide["y"], atol=2**-6 * np.abs(wide["y"]).max())


def test_a_predictor_reads_new_weights_for_few_rows() -> None:
    loss, y = network(32, 64, "")
    x, target = data(1, 64)
    options: dict[str, Any] = {"batch": 1, "backend": "cpu", "precision": "bfloat16"}
    with Trainer(loss, y, optimizer=optim.SGD(1.0), **options) as trainer:
        before = trainer.infer(x)
        trainer.train_step(x, target).wait()
        after = trainer.infer(x)
        predictor = Predictor(y, weights=trainer.state_dict(), **options)
        np.testing.assert_array_equal(predictor.infer(x), after)
        assert "mpsnn" in [node.implementation for node in predictor.profile(1).nodes]
    assert not np.array_equal(before, after)


# Rows of a part of a tile, of one or two, and of several squares of them, the last with a rest;
# columns of several groups and of a rest.
@pytest.mark.parametrize("batch", [3, 16, 45, 64, 256])
@pytest.mark.parametrize(("inputs", "outputs"), [(32, 32), (64, 416), (416, 64), (544, 96)])
def test_weights_that_change_are_rounded_into_the_tiles(
    inputs: int, outputs: int, batch: int
) -> None:
    ran = compare(inputs, outputs, batch, "")
    own = [node for node, how in ran.items() if OWN.search(how)]
    if not own:
        pytest.skip("needs AMX or AVX512-BF16")
    assert any("gradient" in node for node in own)
    assert any(is_forward(node) for node in own)
