"""float16 between the nodes of the cpu backend: its numbers, and steps that change nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest
from case import Case
from cases import CASES
from harness import BATCH, Runner
from safetensors.numpy import load_file

import mpsnn
from mpsnn import (
    DataSource,
    Graph,
    NumericError,
    Predictor,
    Trainer,
    UnsupportedError,
    initializers,
    layers,
    optim,
)

pytestmark = pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="needs the cpu backend")
HALF: dict[str, Any] = {"backend": "cpu", "precision": "float16"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_op_agrees_with_the_reference(case: Case) -> None:
    results = []
    for backend, precision in (("cpu", "float16"), ("reference", "float32")):
        # With a seed of which no two values of a pooled convolution round to the same half: of
        # equal ones the first is the maximum.
        rng = np.random.default_rng(1)
        run = Runner(case, backend, BATCH - 1, precision=precision)
        # Numbers that float16 has, so that a maximum is the same one for both.
        data = [array.astype(np.float16).astype(np.float64) for array in run.data(case, rng)]
        results.append(run(run.bindings(rng), *data))
    names = ["loss", "y", *(f"gradient {i}" for i in range(len(results[0]) - 2))]
    for name, ours, reference in zip(names, *results, strict=True):
        # Eight times closer than bfloat16, of three bits less, is held to: see test_bfloat16.py.
        error = np.linalg.norm(ours - reference)
        assert error <= 2**-8 * np.linalg.norm(reference) + 1e-3, f"{name} of {case}"


def test_numbers_are_rounded_as_numpy_does() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = np.sort(halves[np.isfinite(halves)].astype(np.float32))
    middles = (halves[1:] + halves[:-1]) / 2
    around = [np.nextafter(middles, np.float32(s), dtype=np.float32) for s in (-np.inf, np.inf)]
    tiny = np.float32([1e-45, 1e-40, 2.0**-25, 2.9802326e-08])
    x = np.concatenate([halves, middles, *around, tiny, -tiny, [65519.996, -65519.996]])
    x = x.astype(np.float32)
    g = Graph()
    image = g.input(1, len(x), 1)
    y = layers.Conv2d(1, 1, bias=False, initializer=initializers.Constant(1))(image)
    (found,) = Predictor(y, batch=1, **HALF).infer(x.reshape(1, 1, -1, 1))
    np.testing.assert_array_equal(found.ravel(), x.astype(np.float16).astype(np.float32))


def test_values_and_gradients_are_halves_and_weights_float32() -> None:
    g = Graph()
    x = g.relu(layers.Conv2d(4, 3)(g.input(8, 8, 3)))
    loss = g.softmax_cross_entropy(layers.Dense(3)(x), g.labels(3))
    trainer = Trainer(loss, **HALF)
    lines = [node for node, _ in trainer.implementations()]
    assert len([line for line in lines if " cast(" in line]) == 2  # of the logits and their dy
    assert any("input()" in line and "float16" in line for line in lines)
    at = next(i for i, line in enumerate(lines) if line.startswith("check_gradients("))
    assert [line.startswith("adam(") for line in lines] == [False] * (at + 1) + [True] * 4
    assert {a.dtype for a in trainer.state_dict().values()} == {np.dtype(np.float32)}
    assert trainer.loss_scale == 2.0**16


def everything(trainer: Trainer, path: Path) -> dict[str, np.ndarray]:
    """Each variable: weights, running statistics, what the optimizer keeps."""
    trainer.save(path)
    return load_file(path)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": optim.Adam(0.01, amsgrad=True)},
        {"optimizer": optim.SGD(0.1, momentum=0.9, clip_norm=1.0, l2=0.01)},
        {"optimizer": optim.RMSProp(0.01), "accumulate": 3},
    ],
    ids=["adam", "clipped", "accumulated"],
)
def test_a_skipped_step_changes_no_variable(options: dict[str, Any], tmp_path: Path) -> None:
    images, labels = nets.data(64)
    trainer = nets.trainer("cpu", norm=True, precision="float16", **options)
    nets.losses(trainer, images, labels, 4)
    before = everything(trainer, tmp_path / "before")
    scale = trainer.loss_scale
    huge = np.full(16, 1e5, np.float32)  # with the scale past 65504
    step = trainer.train_step(images[:16], labels[:16], huge)
    assert step.skipped
    assert np.isfinite(step.loss).all()
    assert trainer.loss_scale == scale / 2
    assert trainer.step == 4
    after = everything(trainer, tmp_path / "after")
    assert len(before) > 8
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert array.tobytes() == after[name].tobytes(), name
    assert not trainer.train_step(images[:16], labels[:16]).skipped
    moved = everything(trainer, tmp_path / "moved")
    assert all((moved[name] != before[name]).any() for name in before if "running" in name)


def test_a_skipped_step_calls_no_update_of_a_source() -> None:
    seen: list[np.ndarray] = []

    class Own(DataSource):
        def load(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
            return {name: np.zeros(shape, np.float32) for name, shape in tensors.items()}

        def update(self, gradient: Mapping[str, Any], source: Mapping[str, Any]) -> None:
            seen.extend(np.array(g) for g in gradient.values())

    g = Graph()
    x, label = g.input(1), g.labels(1)
    y = layers.Dense(1, bias=False, source=Own())(x)
    trainer = Trainer(g.mean_squared_error(y, label), batch=1, **HALF)
    steps = [trainer.train_step(np.ones((1, 1), np.float32), np.full((1, 1), 64.0, np.float32))
             for _ in range(9)]  # fmt: skip
    assert [step.skipped for step in steps] == [True] * 8 + [False]
    assert [a.item() for a in seen] == [-128]  # not times the scale


def test_a_scale_whose_inverse_is_infinite_is_refused() -> None:
    with pytest.raises(mpsnn.ShapeError, match="loss_scale: its inverse must be finite, got "):
        nets.trainer("cpu", loss_scale=1e-40)
    assert nets.trainer("cpu", loss_scale=2.0**-120).loss_scale == 2.0**-120


def test_a_static_scale_that_overflows_fails_and_changes_nothing(tmp_path: Path) -> None:
    images, labels = nets.data(16)
    trainer = nets.trainer("cpu", norm=True, precision="float16", loss_scale=2.0**30)
    before = everything(trainer, tmp_path / "before")
    with pytest.raises(NumericError, match="is not finite; the step changed no weight"):
        trainer.train_step(images, labels).wait()
    after = everything(trainer, tmp_path / "after")
    for name, array in before.items():
        assert array.tobytes() == after[name].tobytes(), name


def test_exported_gradients_are_without_the_scale() -> None:
    images, labels = nets.data(16)
    found = []
    for options in ({"precision": "float16"}, {}):
        loss, _ = nets.small(dropout=0)
        gradients = loss.graph.training_graph(loss)
        wanted = {value.label: gradient for value, gradient in gradients.items()}
        trainer = Trainer(loss, batch=16, backend="cpu", export=wanted, **options)
        found.append(trainer.train_step(images, labels).exported)
    for name, wide in found[1].items():
        # Some ten roundings to 2^-12 on the way, and sums that cancel; a scale is 65536.
        np.testing.assert_allclose(found[0][name], wide, rtol=0.02, atol=0.005)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("count", [16, 11], ids=["whole", "partial"])
def test_it_trains_about_as_float32_does(norm: bool, count: int) -> None:
    images, labels = nets.data(96)
    found: dict[str, list[float]] = {"float32": [], "float16": []}
    for precision, losses in found.items():
        trainer = nets.trainer("cpu", norm=norm, precision=precision)
        for i in range(20):
            at = slice(i * 4, i * 4 + count)
            losses.append(trainer.train_step(images[at], labels[at]).loss.mean())
    wide, narrow = found.values()
    assert wide[-1] < 0.8 * wide[0]
    # A value is rounded to 2^-12 of itself some ten times from the image to the loss, and the
    # weights of 20 steps lean on it.
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=0.01)
    assert np.abs(np.subtract(narrow, wide)).max() > 1e-6  # it did round


SLOW = """
import nets, numpy as np, sys
images, labels = nets.data(96)
trainer = nets.trainer("cpu", norm=True, precision=sys.argv[1])
print(*nets.losses(trainer, images, labels, 12).mean(axis=1))
print(*sorted({how for _, how in trainer.implementations()}), sep=",")
"""


@pytest.mark.parametrize(
    ("precision", "instructions"),
    [("float16", "AVX2"), ("bfloat16", "AVX2"), ("bfloat16", "AVX512_CORE")],
)
def test_a_processor_without_products_of_halves_computes_in_float32_between_them(
    precision: str, instructions: str
) -> None:
    path = os.pathsep.join(sys.path)
    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions, "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", SLOW, precision], env=env, cwd=Path(__file__).parent, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    first, second = run.stdout.splitlines()
    assert "in float32" in second
    assert not re.search("[bf][pf]?16", second)
    images, labels = nets.data(96)
    wide = nets.losses(nets.trainer("cpu", norm=True), images, labels, 12).mean(axis=1)
    found = np.array(first.split(), float)
    np.testing.assert_allclose(found, wide, rtol=0, atol=0.01)  # as above
    assert np.abs(found - wide).max() > 1e-6


def test_gradients_of_another_precision_are_refused() -> None:
    for values, gradients in [("float16", "float32"), ("float32", "float16")]:
        with pytest.raises(UnsupportedError, match=f"precision of the values, {values}, not of"):
            nets.trainer("cpu", precision=values, gradient_precision=gradients)
