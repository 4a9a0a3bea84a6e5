"""bfloat16 between the nodes of the cpu backend, and in their products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest
from case import Case
from cases import CASES
from harness import BATCH, Runner
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, Predictor, Trainer, UnsupportedError, initializers, layers, models, optim

with_bfloat16 = pytest.mark.skipif(
    "cpu" not in mpsnn.backend_names(), reason="needs the cpu backend"
)
BF16: dict[str, Any] = {"backend": "cpu", "precision": "bfloat16"}


BOUND = 2**-5


def rounded(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """To the nearest bfloat16: eight significant bits."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    return np.ldexp(np.round(mantissa * 256), exponent - 8)


@with_bfloat16
@pytest.mark.parametrize("images", [BATCH, BATCH - 1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_op_agrees_with_the_reference(case: Case, images: int) -> None:
    results = []
    for backend, precision in (("cpu", "bfloat16"), ("reference", "float32")):
        rng = np.random.default_rng(0)
        run = Runner(case, backend, images, precision=precision)
        # Numbers that bfloat16 has, so that a maximum is the same one for both.
        results.append(run(run.bindings(rng), *map(rounded, run.data(case, rng))))
    names = ["loss", "y", *(f"gradient {i}" for i in range(len(results[0]) - 2))]
    for name, ours, reference in zip(names, *results, strict=True):
        # Some five roundings to 2^-9 from x to the gradient, and the cancellation in that of a
        # normalization. In the norm, as single elements may lie further off.
        error = np.linalg.norm(ours - reference)
        assert error <= BOUND * np.linalg.norm(reference) + 1e-3, f"{name} of {case}"


@with_bfloat16
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("count", [16, 11], ids=["whole", "partial"])
def test_it_trains_about_as_float32_does(norm: bool, count: int) -> None:
    images, labels = nets.data(96)
    wide, narrow = [], []
    for found, precision in ((wide, "float32"), (narrow, "bfloat16")):
        trainer = nets.trainer("cpu", norm=norm, precision=precision)
        for i in range(20):
            at = slice(i * 4, i * 4 + count)
            found.append(trainer.train_step(images[at], labels[at]).loss.mean())
    assert wide[-1] < 0.8 * wide[0]
    # A value is rounded to 2^-9 of itself some ten times from the image to the loss, and the
    # weights of 20 steps lean on it.
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=0.06)
    assert np.abs(np.subtract(narrow, wide)).max() > 1e-5  # it did round


@with_bfloat16
def test_weights_take_steps_that_bfloat16_has_not() -> None:
    g = Graph()
    x, label = g.input(1), g.labels(1)
    y = layers.Dense(1, initializer=initializers.Constant(1))(x)
    trainer = Trainer(g.mean_squared_error(y, label), y, optimizer=optim.SGD(2.0**-14), **BF16)
    ones = np.ones((32, 1), np.float32)
    for _ in range(8):
        trainer.train_step(ones, 3 * ones).wait()
    # The gradient is 2 (1 - 3) = -4 while y is rounded to 1: 8 steps of 2^-12, where the
    # neighbour of 1 in bfloat16 is 1 + 2^-7.
    np.testing.assert_array_equal(trainer.state_dict()["dense_1.weight"], 1 + 8 * 2.0**-12)
    assert trainer.infer(ones).dtype == np.float32


@with_bfloat16
def test_inference_is_that_of_the_trainer(tmp_path: Path) -> None:
    images, labels = nets.data(32)
    trainer = nets.trainer(norm=True, **BF16)
    nets.losses(trainer, images, labels, 4)
    wide = nets.trainer("cpu", norm=True)
    wide.load_state_dict(trainer.state_dict())
    found, expected = trainer.infer(images), wide.infer(images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
    assert (found != expected).any()
    trainer.save(tmp_path / "weights.safetensors")
    _, probabilities = nets.small(norm=True)
    predictor = Predictor(probabilities, weights=tmp_path / "weights.safetensors", batch=16, **BF16)
    np.testing.assert_allclose(predictor.infer(images), expected, rtol=0, atol=0.02)


@with_bfloat16
def test_images_are_cast_as_they_are_read_and_weights_stay_float32() -> None:
    g = Graph()
    x = g.relu(layers.Conv2d(4, 3)(g.input(8, 8, 3)))
    loss = g.softmax_cross_entropy(layers.Dense(3)(x), g.labels(3))
    trainer = Trainer(loss, **BF16, export={"x": x})
    lines = [node for node, _ in trainer.implementations()]
    casts = [line for line in lines if " cast(" in line]
    assert len(casts) == 3  # of what is exported, of the logits, and of their gradient
    assert any("input()" in line and "bfloat16" in line for line in lines)
    variables = {array.dtype for array in trainer.state_dict().values()}
    assert variables == {np.dtype(np.float32)}
    step = trainer.train_step(np.ones((2, 8, 8, 3), np.float32), np.zeros(2, np.int32))
    assert step.exported["x"].dtype == np.float32


@with_bfloat16
def test_parts_of_a_concat_are_still_written_in_place() -> None:
    def of(precision: str) -> list[tuple[str, str]]:
        g = Graph()
        logits = models.inception_v3(g.input(299, 299, 3), 10)
        loss = g.softmax_cross_entropy(logits, g.labels(10))
        trainer = Trainer(loss, batch=1, backend="cpu", precision=precision)
        return [(n, i) for n, i in trainer.implementations() if "concat" in n]

    narrow, wide = of("bfloat16"), of("float32")
    assert len(narrow) == len(wide) > 10
    assert [i for _, i in narrow] == [i for _, i in wide]


@with_bfloat16
def test_values_take_half_the_memory() -> None:
    def bytes_of(precision: str) -> int:
        loss, _ = nets.small()
        trainer = Trainer(loss, batch=64, backend="cpu", precision=precision)
        report = trainer.memory_report()
        return report["unshared_bytes"] - report["scratch_bytes"]

    # But for labels, masks, the logits and the gradients of the weights.
    assert bytes_of("bfloat16") < 0.7 * bytes_of("float32")


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_what_a_backend_has_not_is_refused(backend: str) -> None:
    if backend != "cpu":
        with pytest.raises(UnsupportedError, match=f"backend '{backend}' has no bfloat16"):
            nets.trainer(backend, precision="bfloat16")
        return
    with pytest.raises(UnsupportedError, match="gradients of the precision of the values, bfloat1"):
        nets.trainer(backend, precision="bfloat16", gradient_precision="float32")


@with_bfloat16
@pytest.mark.parametrize("channels", [32, 48, 80])
@pytest.mark.parametrize("width", [23, 24])
def test_strided_convolutions_of_channels_that_fill_no_block(channels: int, width: int) -> None:
    g = Graph(seed=1)
    x = g.input(13, width, channels)
    y = layers.Conv2d(16, kernel=(3, 4), stride=(1, 2), padding="valid")(x)
    images = np.random.default_rng(0).standard_normal((2, *x.shape), np.float32)
    narrow = Predictor(y, batch=2, **BF16).infer(images)
    wide = Predictor(y, batch=2, backend="reference").infer(images)
    assert np.linalg.norm(narrow - wide) <= 2**-7 * np.linalg.norm(wide)


@with_bfloat16
def test_numbers_are_rounded_to_the_nearest_and_ties_to_even(rng: np.random.Generator) -> None:
    g = Graph()
    y = layers.Conv2d(1, 1, bias=False, initializer=initializers.Constant(1))(g.input(5, 41, 1))
    ties = [0, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20, 3e38, 1e-30]
    x = np.append(rng.standard_normal(5 * 41 - len(ties)), ties)
    x = x.astype(np.float32)
    (found,) = Predictor(y, batch=1, **BF16).infer(x.reshape(1, 5, 41, 1))
    np.testing.assert_array_equal(found.ravel(), rounded(x))
