"""Gradients of dense layers in float32, of whose weight each thread has its own rows."""

from __future__ import annotations

import numpy as np
import pytest
from test_dense_bfloat16 import trained

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
