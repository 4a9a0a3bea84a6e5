"""Finite differences along random directions, after jax.test_util.check_grads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def check_gradients(
    f: Callable[..., float],
    gradients: Sequence[Array],
    at: Sequence[Array],
    *,
    rng: np.random.Generator,
    eps: float = 1e-4,
    rtol: float = 1e-5,
) -> None:
    """Assert that <gradient, t> matches (f(x + eps t) - f(x - eps t)) / 2 eps for each argument.

    Each argument is moved alone, along random unit directions that cover all of its
    elements, so an error in a small gradient cannot hide behind a large one. f computes in
    float64: the difference then carries a truncation error of the order eps^2 = 1e-8 of the
    third derivative, and a rounding error of 1e-16 / eps = 1e-12, both far under rtol. atol
    admits directions that happen to be almost orthogonal to the gradient.
    """
    for i, (x, gradient) in enumerate(zip(at, gradients, strict=True)):
        for _ in range(2):
            t = rng.standard_normal(x.shape)
            t /= np.linalg.norm(t)

            def move(by: float, i: int = i, x: Array = x, t: Array = t) -> float:
                return f(*at[:i], x + by * t, *at[i + 1 :])

            numeric = (move(+eps) - move(-eps)) / (2 * eps)
            np.testing.assert_allclose(
                float(np.vdot(gradient, t)),
                numeric,
                rtol=rtol,
                atol=rtol * 1e-2 * float(np.linalg.norm(gradient)) + 1e-11,
                err_msg=f"argument {i}, shape {x.shape}",
            )
