"""Convolutions on the tile registers of AMX, and their gradients, against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, Trainer, layers, optim

# Image, channels in and out, and what the layer is made with: rows of every rest of 16, channels that
# fill no tile, one and several chunks of pixels, frames on any side, phases of strides.
Case = tuple[tuple[int, int], int, int, dict[str, Any]]
CASES: list[Case] = [
    ((4, 4), 32, 32, {"kernel": 3}),
    ((4, 4), 64, 96, {"kernel": 3, "stride": 2}),
    ((17, 17), 16, 16, {"kernel": (1, 7)}),
    ((17, 19), 48, 40, {"kernel": (7, 1)}),
    ((9, 35), 17, 33, {"kernel": 3, "padding": "valid"}),
    ((9, 35), 33, 17, {"kernel": 5}),
    ((11, 18), 40, 20, {"kernel": 3, "stride": 2, "padding": "valid"}),
    ((11, 22), 20, 64, {"kernel": (3, 2), "stride": (3, 2), "dilation": (2, 1)}),
    ((8, 11), 32, 48, {"kernel": (2, 3), "dilation": (1, 2), "padding": (0, 3, 2, 1)}),
    ((6, 7), 32, 32, {"kernel": 2, "padding": (3, 2, 4, 5)}),
    ((5, 5), 96, 96, {"kernel": 1}),
    ((10, 10), 32, 32, {"kernel": 1, "stride": 3}),
    ((60, 70), 16, 160, {"kernel": 3}),
    ((3, 120), 130, 32, {"kernel": (3, 4), "bias": False}),
    # Of these y and the gradient of x are made on tiles too, as rows are short.
    ((9, 7), 17, 33, {"kernel": 3, "padding": "valid"}),
    ((9, 6), 33, 17, {"kernel": 5}),
    ((11, 13), 40, 20, {"kernel": 3, "stride": 2, "padding": "valid"}),
    ((11, 14), 20, 64, {"kernel": (3, 2), "stride": (3, 2), "dilation": (2, 1)}),
    ((8, 7), 32, 48, {"kernel": (2, 3), "dilation": (1, 2), "padding": (0, 3, 2, 1)}),
    ((70, 7), 16, 160, {"kernel": 3}),
    ((7, 8), 48, 130, {"kernel": (1, 3), "bias": False}),
    # Windows of up to 32 numbers, as first layers have: a whole one in a row of a tile.
    ((28, 28), 1, 32, {"kernel": 5}),
    ((29, 31), 3, 48, {"kernel": 3, "stride": 2, "padding": "valid"}),
    ((13, 70), 2, 16, {"kernel": (3, 5), "dilation": (2, 1)}),
    ((9, 9), 4, 128, {"kernel": 2, "stride": (1, 3), "padding": (1, 2, 3, 0)}),
    ((4, 5), 3, 16, {"kernel": 1, "padding": (0, 0, 9, 40)}),
    ((12, 12), 1, 16, {"kernel": 3, "stride": 5}),
    ((5, 40), 1, 64, {"kernel": (1, 32), "bias": False}),
]
SHORT, TALL, FIRST = CASES[0], CASES[19], CASES[21]


def trained(
    case: Case,
    activation: str,
    images: int,
    batch: int,
    **options: Any,
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The result, what one step of SGD subtracts from each weight, and what ran the layer."""
    (height, width), channels, out, layer = case
    g = Graph(seed=1)
    x = layers.Conv2d(channels, 1, name="before")(g.input(height, width, 6))
    y = getattr(g, activation)(layers.Conv2d(out, name="conv", **layer)(x))
    loss = g.mean_squared_error(g.flatten(y), g.labels(int(np.prod(y.shape))))
    rng = np.random.default_rng(3)
    data = rng.standard_normal((images, height, width, 6), np.float32)
    target = rng.standard_normal((images, int(np.prod(y.shape))), np.float32)
    with Trainer(loss, y, optimizer=optim.SGD(1.0), batch=batch, **options) as trainer:
        found = {"y": trainer.infer(data)}
        before = trainer.state_dict()
        trainer.train_step(data, target).wait()
        found |= {name: before[name] - after for name, after in trainer.state_dict().items()}
        ran = [how for node, how in trainer.implementations() if " conv2d" in node]
    return found, ran


def has_tiles() -> bool:
    if "cpu" not in mpsnn.backend_names():
        return False
    _, ran = trained(SHORT, "linear", 1, 1, backend="cpu", precision="bfloat16")
    return any("mpsnn:amx" in how for how in ran)


with_tiles = pytest.mark.skipif(not has_tiles(), reason="needs the cpu backend, and AMX")


@with_tiles
@pytest.mark.parametrize(("images", "batch"), [(1, 1), (3, 4)])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_results_and_gradients_are_those_of_the_reference(
    case: Case, threads: int, images: int, batch: int
) -> None:
    narrow, ran = trained(
        case, "linear", images, batch, backend="cpu", precision="bfloat16", threads=threads
    )
    wide, _ = trained(case, "linear", images, batch, backend="reference")
    assert any("mpsnn:amx" in how for how in ran)
    for name, expected in wide.items():
        # Three roundings to 2^-9 from x to the gradient of the first layer, and that of the weight.
        error = np.linalg.norm(narrow[name] - expected)
        assert error <= 2**-6 * np.linalg.norm(expected), name


@with_tiles
@pytest.mark.parametrize("case", [SHORT, FIRST], ids=str)
def test_a_relu_is_computed_with_the_convolution(case: Case) -> None:
    narrow, ran = trained(case, "relu", 2, 2, backend="cpu", precision="bfloat16")
    wide, _ = trained(case, "relu", 2, 2, backend="reference")
    assert ran[1] == "mpsnn:amx"
    assert narrow["y"].min() == 0
    assert np.linalg.norm(narrow["y"] - wide["y"]) <= 2**-7 * np.linalg.norm(wide["y"])


@with_tiles
@pytest.mark.parametrize("case", [TALL, FIRST], ids=str)
def test_threads_change_no_bit(case: Case) -> None:
    options = {"backend": "cpu", "precision": "bfloat16"}
    one, _ = trained(case, "linear", 3, 4, threads=1, **options)
    two, _ = trained(case, "linear", 3, 4, threads=2, **options)
    np.testing.assert_array_equal(one["conv.weight"], two["conv.weight"])
