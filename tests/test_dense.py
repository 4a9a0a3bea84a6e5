"""Dense layers in float32 by own loops: few rows, and gradients by threads' own rows of weight."""

from __future__ import annotations

import numpy as np
import pytest
from test_dense_bfloat16 import trained

from mpsnn import Graph, Predictor, layers

# Rows for each thread, as many for all or not; more threads than have enough of them; many images.
CASES = [
    (33, 256, 5, 2),
    (200, 391, 16, 3),
    (97, 130, 4, 2),
    (64, 1024, 130, 7),
    (2100, 256, 130, 2),
]


@pytest.mark.parametrize("activation", ["", "relu"])
@pytest.mark.parametrize(("inputs", "outputs", "batch", "threads"), CASES)
def test_gradients_are_those_of_the_reference(
    inputs: int, outputs: int, batch: int, threads: int, activation: str
) -> None:
    sizes = inputs, outputs, batch, activation
    found, ran = trained(*sizes, backend="cpu", threads=threads)
    expected, _ = trained(*sizes, backend="reference")
    gradients = (node for node in ran if "dense_gradient" in node)
    (how,) = (ran[node] for node in gradients if f"({outputs}, {inputs})" in node)
    assert (how == "gemm") == (outputs >= 128 * threads and batch * inputs <= 2**18)
    for name in expected:
        # Roundings to 2^-24, of sums of up to 1,024 numbers.
        np.testing.assert_allclose(
            found[name], expected[name], atol=2e-5 * np.abs(expected[name]).max(), err_msg=name
        )
    again, _ = trained(*sizes, backend="cpu", threads=threads)
    for name in found:
        np.testing.assert_array_equal(again[name], found[name])


# Rows of x one by one and in pairs; numbers that fill registers of 8 and of 16, and that do not;
# outputs that are no groups of four, or fewer; enough for several threads.
@pytest.mark.parametrize("activation", ["", "relu", "tanh"])
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("inputs", "outputs"), [(16, 3), (17, 4), (40, 21), (63, 1), (391, 130), (1000, 97)]
)
def test_few_rows_are_those_of_the_reference(
    inputs: int, outputs: int, batch: int, activation: str
) -> None:
    sizes = inputs, outputs, batch, activation
    expected, _ = trained(*sizes, backend="reference")
    for threads in 1, 3:
        found, ran = trained(*sizes, backend="cpu", threads=threads)
        assert [how for node, how in ran.items() if " 'dense'" in node] == ["mpsnn:dots"]
        # Roundings to 2^-24, of sums of up to 1,000 numbers.
        scale = np.abs(expected["y"]).max()
        np.testing.assert_allclose(found["y"], expected["y"], atol=1e-5 * scale)


@pytest.mark.parametrize("inputs", [16, 20, 31, 33])
def test_what_is_not_finite_stays_in_its_own_row(inputs: int) -> None:
    """Also where a register of a row's last numbers overlaps the one before it."""
    g = Graph()
    dense = layers.Dense(5, bias=False, name="dense")
    weight = np.ones((5, inputs), np.float32)
    weight[1, 0], weight[2, inputs - 1], weight[3, inputs // 2] = np.inf, -np.inf, np.nan
    y = dense(g.input(inputs))
    predictor = Predictor(y, weights={"dense.weight": weight}, backend="cpu", batch=2)
    x = np.ones((2, inputs), np.float32)
    x[1, inputs - 9] = np.inf
    found = predictor.infer(x)
    np.testing.assert_array_equal(found[0], [inputs, np.inf, -np.inf, np.nan, inputs])
    np.testing.assert_array_equal(found[1], [np.inf, np.inf, np.nan, np.nan, np.inf])
