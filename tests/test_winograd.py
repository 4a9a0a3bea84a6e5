"""Convolutions by Winograd's minimal filtering, and their gradients, against the reference."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, Trainer, layers, optim

# Image, channels in and out, images, and what the layer is made with: tiles that reach over each
# side, an odd number of them, channels that fill no panel or slab, one and several chunks, small
# filters, of which each thread has tiles of its own, and large ones, of which it has channels.
Case = tuple[tuple[int, int], int, int, int, dict[str, Any]]
CASES: list[Case] = [
    ((16, 16), 32, 32, 2, {"kernel": 3}),
    ((14, 22), 32, 48, 3, {"kernel": 3, "padding": "valid"}),
    ((9, 31), 80, 32, 4, {"kernel": 3, "padding": (2, 0, 1, 2), "bias": False}),
    ((20, 23), 32, 64, 4, {"kernel": 5}),
    ((12, 17), 48, 80, 3, {"kernel": 5, "padding": "valid", "bias": False}),
    ((60, 61), 48, 32, 5, {"kernel": 3}),
    ((13, 12), 144, 160, 5, {"kernel": 3}),
    ((16, 16), 2304, 16, 10, {"kernel": 3}),
    ((16, 16), 16, 2304, 10, {"kernel": 3}),
    ((12, 12), 256, 224, 3, {"kernel": 3}),
    # In bfloat16 the way forward too, where there is no AMX.
    ((32, 32), 64, 64, 2, {"kernel": 3}),
    ((8, 8), 256, 192, 16, {"kernel": 3}),
]
REDUCED = 10, 11


RATE = 2.0**12  # at which a step subtracts more than there is, and rounding to the weight is small


@functools.cache
def trained(
    place: int, activation: str, backend: str, precision: str = "float32", threads: int = 2
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The result, the gradient of each weight, and what ran the layer."""
    case = CASES[place]
    (height, width), channels, out, images, layer = case
    g = Graph(seed=1)
    x = layers.Conv2d(channels, 1, name="before")(g.input(height, width, 6))
    y = layers.Conv2d(out, name="conv", **layer)(x)
    if activation != "linear":
        y = g.relu(y, 0.1 if activation == "leaky" else 0.0)
    loss = g.mean_squared_error(g.flatten(y), g.labels(int(np.prod(y.shape))))
    rng = np.random.default_rng(3)
    real = images - (images > 3)  # whole batches, whose last tile counts, and partial ones
    data = rng.standard_normal((real, height, width, 6), np.float32)
    target = rng.standard_normal((real, int(np.prod(y.shape))), np.float32)
    options: dict[str, Any] = {"backend": backend, "precision": precision, "threads": threads}
    with Trainer(loss, y, optimizer=optim.SGD(RATE), batch=images, **options) as trainer:
        found = {"y": trainer.infer(data)}
        before = trainer.state_dict()
        trainer.train_step(data, target).wait()
        after = trainer.state_dict()
        found |= {name: (before[name] - after[name]) / RATE for name in before}
        ran = [how for node, how in trainer.implementations() if " conv2d" in node]
    return found, ran


# What the processor has, not what the code under test chose: of that a fault must not skip tests.
INSTRUCTIONS = {name: detail for name, _, detail in mpsnn.backend_status()}["cpu"]
with_winograd = pytest.mark.skipif(
    not {"avx2", "avx512"} & set(re.split("[ ,_]+", INSTRUCTIONS)),
    reason="needs the cpu backend, and AVX2",
)
with_reduced = pytest.mark.skipif(
    not {"avx2", "avx512"} & set(re.split("[ ,_]+", INSTRUCTIONS)) or "amx" in INSTRUCTIONS,
    reason="needs the cpu backend, and AVX2 without AMX",
)
with_pairs = pytest.mark.skipif(
    not re.search("avx512_core_(bf|fp)16", INSTRUCTIONS) or "amx" in INSTRUCTIONS,
    reason="needs the cpu backend, and AVX512-BF16 without AMX",
)


def error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@with_winograd
@pytest.mark.parametrize("activation", ["linear", "relu", "leaky"])
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("place", range(len(CASES)))
def test_results_and_gradients_are_those_of_the_reference(
    place: int, threads: int, activation: str
) -> None:
    found, ran = trained(place, activation, "cpu", threads=threads)
    expected, _ = trained(place, activation, "reference")
    assert sum(how.count("mpsnn:winograd") for how in ran) == 3
    # The transforms multiply roundings to 2^-24 by 2 to 3, or of 5 x 5 taps by 5 to 8, and up to
    # 20,736 numbers are added up.
    exact = 6e-6 if CASES[place][4]["kernel"] == 3 else 1.5e-5
    assert error(found["y"], expected["y"]) < exact
    for name in expected:
        # Where a sum is that near to 0, a slope of relu may be the other one.
        most = exact if activation == "linear" else 1e-3
        assert error(found[name], expected[name]) < most, name


@with_reduced
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("activation", ["linear", "leaky"])
@pytest.mark.parametrize("place", range(len(CASES)))
def test_values_of_bfloat16_are_those_of_the_reference(
    place: int, activation: str, threads: int
) -> None:
    found, ran = trained(place, activation, "cpu", "bfloat16", threads)
    expected, _ = trained(place, activation, "reference")
    assert place not in REDUCED or sum(how.count("mpsnn:winograd") for how in ran) == 3
    # Roundings to 2^-9 on the way from x to y.
    assert error(found["y"], expected["y"]) < 2**-7


@with_reduced
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("place", range(len(CASES)))
def test_gradients_of_bfloat16_are_those_of_the_reference(place: int, threads: int) -> None:
    found, _ = trained(place, "linear", "cpu", "bfloat16", threads)
    expected, _ = trained(place, "linear", "reference")
    for name in expected.keys() - {"y"}:
        # Roundings to 2^-9, tripled by the transforms where points are pairs. Those of a filter are
        # the same for all pixels that a gradient of a bias in front of it adds up.
        most = 2**-5 if name == "before.bias" else 2**-6
        assert error(found[name], expected[name]) < most, name
        # And none of them is one-sided: errors are nearly orthogonal to the gradient.
        if name.endswith("weight"):
            along = np.vdot(found[name], expected[name]) / np.vdot(expected[name], expected[name])
            assert abs(along - 1) < 2**-10, name


@with_pairs
@pytest.mark.parametrize("place", range(len(CASES)))
def test_gradients_of_bfloat16_take_few_multiplications(place: int) -> None:
    _, ran = trained(place, "linear", "cpu", "bfloat16")
    # Of the weight and of x.
    assert max(how.count("mpsnn:winograd") for how in ran) == 2


# Roundings to 2^-24, doubled or tripled by the transforms; or to 2^-9 on the way, tripled likewise.
@pytest.mark.parametrize(
    ("precision", "pixels", "channels", "most"),
    [
        pytest.param("float32", 16, 32, 6e-6, marks=with_winograd),
        pytest.param("bfloat16", 16, 64, 2**-6, marks=with_pairs),
        pytest.param("bfloat16", 12, 320, 2**-6, marks=with_pairs),  # too many to be made at once
    ],
)
def test_filters_that_are_kept_follow_their_weight(
    precision: str, pixels: int, channels: int, most: float
) -> None:
    """Those of inference, and of the gradient towards x if the layer does not learn."""
    g = Graph()
    x = layers.Conv2d(channels, 1, name="before")(g.input(pixels, pixels, 6))
    y = layers.Conv2d(channels, 3, name="conv", trainable=False)(x)
    loss = g.mean_squared_error(g.flatten(y), g.labels(pixels**2 * channels))
    rng = np.random.default_rng(3)
    data = rng.standard_normal((2, pixels, pixels, 6), np.float32)
    target = rng.standard_normal((2, pixels**2 * channels), np.float32)
    options: dict[str, Any] = {"optimizer": optim.SGD(RATE), "batch": 2}
    with (
        Trainer(loss, y, backend="cpu", precision=precision, **options) as ours,
        Trainer(loss, y, backend="reference", **options) as reference,
    ):
        ran = [how for node, how in ours.implementations() if " conv2d" in node]
        assert ran.count("mpsnn:winograd") == 2
        state = ours.state_dict()
        for _ in range(3):
            state = {name: rng.standard_normal(w.shape, np.float32) for name, w in state.items()}
            found = []
            for trainer in (ours, reference):
                trainer.load_state_dict(state)
                result = trainer.infer(data)
                trainer.train_step(data, target).wait()
                found.append((result, trainer.state_dict()["before.weight"]))
            for mine, expected in zip(*found, strict=True):
                assert error(mine, expected) < most


@with_winograd
@pytest.mark.parametrize(("taps", "factor"), [(3, 4), (5, 8)])
def test_errors_are_those_of_plain_sums_within_a_small_factor(taps: int, factor: float) -> None:
    g = Graph(seed=0)
    y = layers.Conv2d(64, taps, bias=False, name="conv")(g.input(34, 34, 256))
    rng = np.random.default_rng(0)
    images = np.maximum(rng.standard_normal((2, 34, 34, 256), np.float32), 0)
    weight = rng.standard_normal((64, taps, taps, 256), np.float32) / 48
    found, expected = (
        mpsnn.Predictor(y, weights={"conv.weight": weight}, batch=2, backend=name).infer(images)
        for name in ("cpu", "reference")
    )
    size, edge = 35 - taps, taps // 2
    plain = np.zeros((2, size, size, 64), np.float32)
    for i, j, c in np.ndindex(taps, taps, 256):
        plain += images[:, i : i + size, j : j + size, c, None] * weight[:, i, j, c]
    inside = np.s_[:, edge:-edge, edge:-edge]
    # Over few channels 2.3 and 8 times, by the points chosen: see winograd.hpp.
    assert error(found[inside], expected[inside]) < factor * error(plain, expected[inside])
