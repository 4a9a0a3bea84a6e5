"""How convolutions run on cpu, and what a gradient node of one gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_tiles import trained

import mpsnn
from mpsnn import Graph, _core, layers

ON_CPU = pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="there is no cpu backend")

SIZES = [(1, 1, 1), (1, 3, 4), (1, 16, 32), (8, 8, 8), (17, 17, 17), (17, 17, 34), (3, 9, 21)]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"dilation": 2},
    {"stride": (2, 1), "dilation": (1, 3), "padding": (2, 0, 1, 2)},
]


def implementations(op: str, groups: int, channels: int, outputs: int, **options: Any) -> list[str]:
    """Of the op and its gradient by everything."""
    g = Graph()
    x, w = g.input(9, 8, channels), g.parameter(outputs, 3, 3, channels // groups)
    b = g.parameter(outputs)
    y = getattr(g, op)(x, w, b, groups=groups, **options)
    loss = g.reshape(g.dense(y, g.parameter(1, math.prod(y.shape))))
    ids = _core.add_gradients(g.core, loss.id, [x.id, w.id, b.id])
    exe = _core.compile(g.core, batch=4, outputs=[y.id, *ids], backend="cpu")
    return [how for line, how in exe.implementations() if op in line]


@ON_CPU
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("groups", "channels", "outputs"), SIZES)
@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
def test_none_runs_as_the_slow_definition_of_onednn(
    op: str, groups: int, channels: int, outputs: int, options: Any
) -> None:
    chosen = implementations(op, groups, channels, outputs, **options)
    assert len(chosen) == 2
    assert not [how for how in chosen if "ref" in how]


@ON_CPU
def test_an_output_padding_as_long_as_the_stride_runs_on_loops_of_our_own() -> None:
    options = {"dilation": 3, "padding": "valid"}
    assert "mpsnn" not in implementations("conv_transpose2d", 1, 3, 4, **options)
    chosen = implementations("conv_transpose2d", 1, 3, 4, output_padding=1, **options)
    assert chosen == ["mpsnn", "mpsnn + mpsnn"]


@pytest.mark.parametrize("op", ["conv2d", "conv_transpose2d"])
@pytest.mark.parametrize("own", [False, True])
def test_any_part_of_the_gradient_can_be_had_alone(
    op: str, own: bool, backend: str, rng: np.random.Generator
) -> None:
    options: dict[str, Any] = {"dilation": 2, "padding": 1}
    if own and op == "conv_transpose2d":
        options["output_padding"] = 1
    dtype = np.float64 if backend == "reference" else np.float32
    g = Graph()
    x, w, b = g.input(6, 5, 4), g.parameter(6, 3, 2, 2, name="w"), g.parameter(6, name="b")
    y = getattr(g, op)(x, w, b, groups=2, **options)
    loss = g.reshape(g.dense(y, g.parameter(1, math.prod(y.shape), name="dy")))
    ids = _core.add_gradients(g.core, loss.id, [x.id, w.id, b.id])
    data = rng.standard_normal((3, 6, 5, 4)).astype(dtype)
    weights = {n: rng.standard_normal(v.shape).astype(dtype) for n, v in [("w", w), ("b", b)]}
    weights["dy"] = rng.standard_normal((1, math.prod(y.shape))).astype(dtype)

    def run(wanted: list[_core.ValueId]):
        exe = _core.compile(g.core, batch=3, outputs=wanted, backend=backend)
        known = {name for name, *_ in exe.session.variables()}
        exe.session.write({name: array for name, array in weights.items() if name in known})
        return exe.run(3, [(x.id, data)], wanted)

    together = run(list(ids))
    for i, gradient in enumerate(ids):
        np.testing.assert_allclose(run([gradient])[0], together[i], rtol=1e-5, atol=1e-5)


def test_a_transposed_convolution_is_the_adjoint_of_a_convolution(
    backend: str, rng: np.random.Generator
) -> None:
    # sum(conv(u) * v) = sum(u * transposed(v)), with the two channel axes of the weight swapped.
    dtype = np.float64 if backend == "reference" else np.float32
    u = rng.standard_normal((2, 10, 9, 3)).astype(dtype)
    v = rng.standard_normal((2, 5, 3, 4)).astype(dtype)
    weight = rng.standard_normal((4, 3, 2, 3)).astype(dtype)
    g = Graph()
    a, b = g.input(10, 9, 3), g.input(5, 3, 4)
    direct, swapped = (
        g.parameter(4, 3, 2, 3, name="direct"),
        g.parameter(3, 3, 2, 4, name="swapped"),
    )
    y = g.conv2d(a, direct, stride=(2, 3))
    x = g.conv_transpose2d(b, swapped, stride=(2, 3))
    exe = _core.compile(g.core, batch=2, outputs=[y.id, x.id], backend=backend)
    exe.session.write(
        {"direct": weight, "swapped": np.ascontiguousarray(weight.transpose(3, 1, 2, 0))}
    )
    conv, transposed = exe.run(2, [(a.id, u), (b.id, v)], [y.id, x.id])
    np.testing.assert_allclose((conv * v).sum(), (u * transposed).sum(), rtol=1e-4)


@ON_CPU
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "layer",
    [
        {"kernel": (1, 7)},
        {"kernel": (7, 1), "padding": (4, 1, 0, 0)},
        {"kernel": (1, 7), "padding": (0, 0, 1, 5), "stride": (1, 2)},
        {"kernel": (9, 1), "padding": "valid", "dilation": (2, 1)},
    ],
    ids=str,
)
def test_taps_along_one_axis_learn_what_they_do_on_the_reference(
    layer: dict[str, Any], precision: str
) -> None:
    case = (17, 9), 256, 240, layer  # 1.6 MB: x is copied into a matrix, unless there is AMX
    # The batch is partial.
    narrow, _ = trained(case, "linear", 3, 4, backend="cpu", precision=precision)
    wide, _ = trained(case, "linear", 3, 4, backend="reference")
    # Of bfloat16, three roundings to 2^-9. Of float32, what a step subtracts from a weight: some
    # thousandths of it, so that its rounding to 2^-24 counts as 2^-17.
    most = 2**-6 if precision == "bfloat16" else 2**-14
    for name, expected in wide.items():
        assert np.linalg.norm(narrow[name] - expected) <= most * np.linalg.norm(expected), name


IDLE: list[tuple[str, tuple[int, int], int, int, dict[str, Any]]] = [
    ("Conv2d", (8, 1), 16, 16, {"kernel": 3, "stride": 2}),
    ("Conv2d", (1, 7), 128, 256, {"kernel": 5}),
    ("Conv2d", (2, 4), 128, 3, {"kernel": (7, 3)}),
    ("Conv2d", (13, 2), 48, 48, {"kernel": (1, 4), "stride": 3, "padding": (0, 1, 2, 0)}),
    ("ConvTranspose2d", (1, 1), 16, 16, {"kernel": 4, "stride": 3}),
]


@ON_CPU
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("layer", "pixels", "channels", "outputs", "options"), IDLE, ids=str)
def test_taps_that_are_beside_the_image_in_all_windows_have_no_gradient(
    precision: str,
    layer: str,
    pixels: tuple[int, int],
    channels: int,
    outputs: int,
    options: dict[str, Any],
) -> None:
    g = Graph()
    x = g.input(*pixels, channels)
    y = g.flatten(getattr(layers, layer)(outputs, name="layer", **options)(x))
    loss = g.mean_squared_error(y, g.labels(*y.shape))
    rng = np.random.default_rng(0)
    images = rng.standard_normal((4, *pixels, channels), np.float32)
    targets = rng.standard_normal((4, *y.shape), np.float32)
    gradients = []
    for backend in ("cpu", "reference"):
        exact = "float32" if backend == "reference" else precision
        settings: Any = {"optimizer": mpsnn.SGD(1.0), "batch": 4, "precision": exact}
        with mpsnn.Trainer(loss, backend=backend, **settings) as trainer:
            before = trainer.state_dict()
            for _ in range(3):  # the first ones leave numbers in the memory of the others
                trainer.load_state_dict(before)
                trainer.train_step(images, targets).wait()
            gradients.append(before["layer.weight"] - trainer.state_dict()["layer.weight"])
    found, expected = gradients
    idle = (expected == 0).all(axis=(0, 3))
    assert 0 < idle.sum() < idle.size
    assert (found[:, idle] == 0).all()
    # Operands have 8 bits or 24; a sum of a few of them may cancel.
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error < (0.05 if precision == "bfloat16" else 1e-4)
