"""Convolutions that add up in float16: every rounding, against numpy.float16."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, _core

LARGEST = 65504.0


def run(
    backend: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    op: str = "conv2d",
    **options: Any,
) -> np.ndarray:
    """Y for one image."""
    dtype = np.float64 if backend == "reference" else np.float32
    g = Graph()
    image, w = g.input(*x.shape), g.parameter(*weight.shape, name="w")
    b = None if bias is None else g.parameter(*bias.shape, name="b")
    options.setdefault("accumulator", "half")
    precision = options.pop("precision", "float32")
    y = getattr(g, op)(image, w, b, **options)
    numbers = _core.Precision(precision, precision)
    exe = _core.compile(g.core, batch=1, outputs=[y.id], backend=backend, precision=numbers)
    exe.session.write({"w": weight.astype(dtype)})
    if bias is not None:
        exe.session.write({"b": bias.astype(dtype)})
    if backend == "cpu" and options["accumulator"] == "half":
        assert any(how.startswith("mpsnn half") for _, how in exe.implementations())
    return exe.run(1, [(image.id, np.ascontiguousarray(x[None], dtype))], [y.id])[0][0]


def interesting() -> np.ndarray:
    """float32 numbers: all halves, the middles between them and what is next to those."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = np.sort(halves[np.isfinite(halves)].astype(np.float32))
    middles = (halves[1:] + halves[:-1]) / 2
    around = [np.nextafter(middles, np.float32(s), dtype=np.float32) for s in (-np.inf, np.inf)]
    large = [65519.996, 65520, 65520.004, 65536, 1e5, 1e30, np.inf]
    tiny = [1e-45, 1e-40, 2.0**-25, 2.0**-26, 2.9802326e-08]
    both = np.float32([*large, *tiny])
    return np.concatenate([halves, middles, *around, both, -both])


def test_numbers_are_rounded_as_numpy_does(backend: str) -> None:
    x = interesting()
    y = run(backend, x.reshape(1, -1, 1), np.ones((1, 1, 1, 1)))
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16)
    np.testing.assert_array_equal(y.ravel(), expected.astype(y.dtype))


def test_a_nan_stays_one(backend: str) -> None:
    y = run(backend, np.float32([np.nan, 1]).reshape(1, 2, 1), np.ones((1, 1, 1, 1)))
    assert np.isnan(y.ravel()).tolist() == [True, False]


def chain(xs: np.ndarray, weights: np.ndarray) -> np.float16:
    """Acc <- half(acc + half(x) * half(weight)), by numpy; the products are exact."""
    acc = np.float16(0)
    for x, w in zip(xs.astype(np.float16), weights.astype(np.float16), strict=True):
        acc = np.float16(np.float64(acc) + np.float64(x) * np.float64(w))
    return acc


@pytest.mark.parametrize("scale", [1, 1e-3, 30])
@pytest.mark.parametrize("outputs", [1, 70])
def test_a_sum_is_the_chain_in_the_order_of_the_weight(
    backend: str, scale: float, outputs: int, rng: np.random.Generator
) -> None:
    x = (scale * rng.standard_normal((5, 4, 6))).astype(np.float32)
    weight = (scale * rng.standard_normal((outputs, 3, 2, 6))).astype(np.float32)
    bias = rng.standard_normal(outputs).astype(np.float32)
    y = run(backend, x, weight, bias, padding="valid")
    for i in range(3):
        for j in range(3):
            window = x[i : i + 3, j : j + 2].ravel()
            for o in range(outputs):
                acc = chain(window, weight[o].ravel())
                assert np.float32(y[i, j, o]) == np.float32(acc) + bias[o]


@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"groups": 2, "dilation": (1, 2), "padding": 3}], ids=str
)
def test_backends_agree_bit_for_bit(op: str, options: Any, rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 6, 4)).astype(np.float32)
    weight = rng.standard_normal((6, 3, 3, 4 // options.get("groups", 1))).astype(np.float32)
    bias = rng.standard_normal(6).astype(np.float32)
    exact = run("reference", x, weight, bias, op, **options).astype(np.float32)
    for backend in mpsnn.backend_names():
        y = run(backend, x, weight, bias, op, **options)
        np.testing.assert_array_equal(y.astype(np.float32), exact)


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="needs the cpu backend")
@pytest.mark.parametrize("options", [{}, {"stride": (1, 2)}, {"padding": "valid"}], ids=str)
def test_rows_of_every_length_are_summed_as_the_reference_does(
    options: dict[str, Any], rng: np.random.Generator
) -> None:
    # 47 pixels are 32 and tiles of 8, 4, 2 and 1; 130 outputs are two blocks and two more.
    x = rng.standard_normal((4, 47, 3)).astype(np.float32)
    weight = rng.standard_normal((130, 3, 3, 3)).astype(np.float32)
    bias = rng.standard_normal(130).astype(np.float32)
    exact = run("reference", x, weight, bias, **options).astype(np.float32)
    np.testing.assert_array_equal(run("cpu", x, weight, bias, **options), exact)


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="needs the cpu backend")
def test_between_halves_it_is_the_same_sum_rounded_once_more(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 9, 8)).astype(np.float16).astype(np.float32)
    weight = rng.standard_normal((6, 3, 3, 8)).astype(np.float32)
    bias = rng.standard_normal(6).astype(np.float32)
    exact = run("reference", x, weight, bias).astype(np.float32).astype(np.float16)
    found = run("cpu", x, weight, bias, precision="float16")
    np.testing.assert_array_equal(found, exact.astype(np.float32))


@pytest.mark.parametrize("channels", [8, 128])
@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
def test_the_error_is_at_most_half_a_unit_for_each_product(
    op: str, channels: int, backend: str, rng: np.random.Generator
) -> None:
    # Of numbers that are halves, so that only the K sums round: each by u = 2^-11 of a partial sum
    # at most. By recursive summation the errors are within (1 + u)^K - 1 of the sum of all sizes.
    # Sums below 2^-14, where the distance of neighbours is 2^-24, lie within the slack of others.
    x = rng.standard_normal((6, 6, channels)).astype(np.float16).astype(np.float64)
    weight = rng.standard_normal((3, 3, 3, channels)).astype(np.float16).astype(np.float64)
    half = run(backend, x, weight, op=op)
    single = run(backend, x, weight, op=op, accumulator="single")
    sizes = run("reference", np.abs(x), np.abs(weight), op=op, accumulator="single")
    error, K = np.abs(half - single), 3 * 3 * channels
    assert (error <= ((1 + 2**-11) ** K - 1) * sizes).all()
    # Errors have signs: most are about the root of that, but they are there.
    assert 2**-13 * sizes.mean() < error.mean() < np.sqrt(K) * 2**-11 * sizes.mean()


def test_a_sum_past_the_largest_half_becomes_infinite(backend: str) -> None:
    x = np.float32([LARGEST, 15, 1, -LARGEST]).reshape(1, 1, 4)
    ones = np.ones((1, 1, 1, 4))
    # 65504 + 15 rounds back to 65504; so does + 1. Then it is 0.
    assert run(backend, x, ones).item() == 0
    x[..., 1] = 16  # the middle, whose even neighbour is infinity
    assert run(backend, x, ones).item() == np.inf
    assert run(backend, x, ones, accumulator="single").item() == 17


@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
def test_the_gradient_is_that_of_the_exact_convolution(
    op: str, backend: str, rng: np.random.Generator
) -> None:
    if backend == "metal":
        pytest.skip("MPS takes the weights as halves in the gradient too")
    dtype = np.float64 if backend == "reference" else np.float32
    data = rng.standard_normal((2, 4, 4, 3)).astype(dtype)
    weights = {
        "w": rng.standard_normal((5, 3, 3, 3)).astype(dtype),
        "b": rng.standard_normal(5).astype(dtype),
        "dy": rng.standard_normal((1, 80)).astype(dtype),
    }
    results = []
    for accumulator in ("single", "half"):
        g = Graph()
        x, w, b = g.input(4, 4, 3), g.parameter(5, 3, 3, 3, name="w"), g.parameter(5, name="b")
        y = getattr(g, op)(x, w, b, accumulator=accumulator)
        loss = g.reshape(g.dense(y, g.parameter(1, 80, name="dy")))
        ids = _core.add_gradients(g.core, loss.id, [x.id, w.id, b.id])
        exe = _core.compile(g.core, batch=2, outputs=ids, backend=backend)
        exe.session.write(weights)
        results.append(exe.run(2, [(x.id, data)], ids))
    for single, half in zip(*results, strict=True):
        np.testing.assert_array_equal(half, single)


def test_the_choice_is_printed() -> None:
    g = Graph()
    x, w = g.input(4, 4, 3), g.parameter(5, 3, 3, 3)
    g.conv2d(x, w)
    assert "accumulator" not in str(g)
    g.conv2d(x, w, accumulator="half")
    g.conv_transpose2d(x, w, accumulator="half")
    assert str(g).count("accumulator=half") == 2
