"""float16 between the nodes, and the scale of the loss that goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import (
    Graph,
    NumericError,
    ShapeError,
    Trainer,
    UnsupportedError,
    initializers,
    io,
    layers,
    optim,
)

HALF = [name for name in mpsnn.backend_names() if name in ("metal", "cpu")]
HALVES: dict[str, Any] = {"precision": "float16", "gradient_precision": "float16"}

with_float16 = pytest.mark.parametrize("backend", HALF)
with_wide_gradients = pytest.mark.parametrize("backend", [name for name in HALF if name == "metal"])
without_float16 = pytest.mark.parametrize(
    "backend", [name for name in mpsnn.backend_names() if name not in HALF]
)


@with_float16
@pytest.mark.parametrize(
    "options",
    [{"precision": "float16"}, HALVES, {**HALVES, "loss_scale": 8.0}, {"loss_scale": 8.0}],
    ids=["values", "halves", "scaled", "scale-alone"],
)
def test_float16_trains_about_as_float32_does(backend: str, options: dict[str, Any]) -> None:
    images, labels = nets.data(96)
    wide = nets.losses(nets.trainer(backend), images, labels, 20)
    losses = nets.losses(nets.trainer(backend, **options), images, labels, 20)
    # A value is rounded to 2^-11 of itself some ten times from the image to the loss, and the
    # weights of 20 steps lean on it; a scale alone is exact, as it is a power of two.
    bound = 1e-6 if "precision" not in options else 0.03
    np.testing.assert_allclose(losses, wide, rtol=0, atol=bound)
    if "precision" in options:
        assert np.abs(losses - wide).max() > 1e-6  # it did round


@with_float16
def test_inference_in_float16_is_that_of_the_trainer(backend: str) -> None:
    images, labels = nets.data(32)
    trainer = nets.trainer(backend, precision="float16")
    nets.losses(trainer, images, labels, 4)
    wide = nets.trainer(backend)
    wide.load_state_dict(trainer.state_dict())
    found, expected = trainer.infer(images), wide.infer(images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)
    assert (found != expected).any()
    assert trainer.state_dict().keys() == wide.state_dict().keys()
    assert all(array.dtype == np.float32 for array in trainer.state_dict().values())


@with_float16
def test_a_sequence_between_halves_trains_about_as_between_float32(backend: str) -> None:
    rng = np.random.default_rng(5)
    images = rng.standard_normal((8, 6, 3)).astype(np.float32)
    labels = rng.integers(0, 2, 8)

    def losses(**options: Any) -> list[float]:
        g = Graph(seed=3)
        x, label = g.input(6, 3), g.labels(2)
        hidden = layers.LSTM(4)(g.relu(layers.Conv1d(5, 3)(x)))
        loss = g.softmax_cross_entropy(layers.Dense(2)(hidden), label)
        trainer = Trainer(loss, optimizer=optim.Adam(0.02), batch=8, backend=backend, **options)
        return [trainer.train_step(images, labels).loss.mean() for _ in range(20)]

    wide, halves = losses(), losses(**HALVES)
    assert wide[-1] < 0.8 * wide[0]
    np.testing.assert_allclose(halves, wide, rtol=0, atol=0.03)  # as above
    np.testing.assert_array_less(1e-7, np.abs(np.subtract(halves, wide))[1:])


ONE = np.ones((1, 1), np.float32)


def far_away(backend: str, target: float, **options: Any) -> tuple[Trainer, Any]:
    """A trainer of y = w x + b from 0 to a target, and a step towards it.

    The first gradient of the loss (y - t)^2 is -2 t; float16 ends below 2^16.
    """
    g = Graph()
    x, label = g.input(1), g.labels(1)
    y = layers.Dense(1, initializer=initializers.Constant(0))(x)
    options = {"optimizer": optim.SGD(2.0**-4), "batch": 1, **HALVES, **options}
    trainer = Trainer(g.mean_squared_error(y, label), y, backend=backend, **options)
    return trainer, lambda: trainer.train_step(ONE, np.full((1, 1), target, np.float32))


@with_float16
def test_a_step_that_overflows_is_skipped_and_halves_the_scale(backend: str) -> None:
    trainer, step = far_away(backend, 64)
    before = trainer.state_dict()
    assert trainer.loss_scale == 2.0**16
    for power in range(16, 8, -1):  # 2 * 64 * 2^9 is the last that float16 has not
        skipped = step()
        assert skipped.skipped
        assert skipped.loss.item() == 64**2
        assert trainer.loss_scale == 2.0 ** (power - 1)
    np.testing.assert_equal(trainer.state_dict(), before)
    assert trainer.step == 0
    assert not step().skipped
    # Powers of two all of them: exactly the step that float32 takes; of gradients alone on metal.
    precision = "float16" if backend == "metal" else "float32"
    wide, wide_step = far_away(backend, 64, precision=precision, gradient_precision="float32")
    wide_step().wait()
    np.testing.assert_equal(trainer.state_dict(), wide.state_dict())
    assert trainer.step == 1
    assert wide.loss_scale == 1


@with_wide_gradients
def test_gradients_of_float32_go_beyond_float16_from_the_loss_on(backend: str) -> None:
    trainer, step = far_away(backend, 60000, gradient_precision="float32")
    assert not step().skipped
    for moved in trainer.state_dict().values():
        np.testing.assert_array_equal(moved.ravel(), 2.0**-4 * 2 * 60000)


@with_float16
def test_steps_in_flight_behind_one_that_is_skipped_start_again(backend: str) -> None:
    trainer, step = far_away(backend, 64)
    steps = [step() for _ in range(12)]
    assert [s.skipped for s in steps] == [True] * 8 + [False] * 4
    slow, slow_step = far_away(backend, 64)
    for s in steps:
        np.testing.assert_array_equal(slow_step().loss, s.loss)
    np.testing.assert_equal(trainer.state_dict(), slow.state_dict())
    assert trainer.loss_scale == slow.loss_scale == 2.0**8


@with_float16
def test_a_network_that_no_scale_helps_fails(backend: str) -> None:
    trainer, step = far_away(backend, 2.0**17)
    before = trainer.state_dict()
    for _ in range(16):
        assert step().skipped
    for _ in range(2):
        with pytest.raises(NumericError, match=r"gradient of .* is not finite"):
            step().wait()
    assert trainer.loss_scale == 1
    np.testing.assert_equal(trainer.state_dict(), before)
    static, static_step = far_away(backend, 64, loss_scale=1024.0)
    with pytest.raises(NumericError, match=r"gradient of .* is not finite"):
        static_step().wait()
    assert static.loss_scale == 1024


@with_float16
def test_enough_good_steps_double_the_scale(backend: str) -> None:
    trainer, step = far_away(backend, 2.0**-4)
    for _ in range(2000):
        last = step()
    last.wait()
    assert trainer.loss_scale == 2.0**16
    step().wait()
    assert trainer.loss_scale == 2.0**17


@with_float16
def test_a_checkpoint_keeps_a_dynamic_scale(backend: str, tmp_path: Path) -> None:
    trainer, step = far_away(backend, 64)
    for _ in range(10):
        step().wait()
    trainer.save(tmp_path / "half.safetensors")
    resumed, resumed_step = far_away(backend, 64)
    resumed.load(tmp_path / "half.safetensors")
    assert resumed.loss_scale == trainer.loss_scale == 2.0**8
    np.testing.assert_array_equal(resumed_step().loss, step().loss)
    assert io.read_metadata(tmp_path / "half.safetensors")["loss_scale"] == "256.0 0"
    static, _ = far_away(backend, 64, loss_scale=4.0)
    static.load(tmp_path / "half.safetensors")
    assert static.loss_scale == 4
    static.save(tmp_path / "static.safetensors")
    resumed.load(tmp_path / "static.safetensors")
    assert resumed.loss_scale == 2.0**8


@with_float16
@pytest.mark.parametrize(
    "optimizer",
    [
        optim.SGD(0.1, momentum=0.9, nesterov=True),
        optim.RMSProp(0.01),
        optim.AdamW(0.01, weight_decay=0.1),
        optim.SGD(0.1, clip_value=0.01),
        optim.SGD(0.1, clip_norm=0.1),
    ],
    ids=["sgd", "rmsprop", "adamw", "clip_value", "clip_norm"],
)
def test_no_rule_sees_the_scale(backend: str, optimizer: Any) -> None:
    images, labels = nets.data(48)
    expected = nets.losses(nets.trainer(backend, optimizer=optimizer, norm=True), images, labels)
    trainer = nets.trainer(backend, optimizer=optimizer, norm=True, loss_scale=2.0**10)
    # A power of two changes no digit, but where a sum of squares underflows.
    np.testing.assert_allclose(nets.losses(trainer, images, labels), expected, rtol=1e-6)


@without_float16
def test_a_backend_without_float16_says_so(backend: str) -> None:
    for options, message in [
        ({"precision": "float16"}, rf"precision: backend '{backend}' has no float16"),
        ({"gradient_precision": "float16", "loss_scale": 1}, "has no float16"),
        ({"loss_scale": 2.0}, rf"loss_scale: backend '{backend}' has no float16"),
        ({"loss_scale": "dynamic"}, rf"loss_scale: backend '{backend}' has no float16"),
    ]:
        with pytest.raises(UnsupportedError, match=message):
            nets.trainer(backend, **options)
    assert nets.trainer(backend).loss_scale == 1
    step = nets.trainer(backend).train_step(*nets.data(16))
    assert not step.skipped


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "half"}, "precision must be 'float32', 'bfloat16' or 'float16', got 'half'"),
        (
            {"gradient_precision": 16},
            "gradient_precision must be 'float32', 'bfloat16' or 'float16', got 16",
        ),
        ({"loss_scale": 0}, "loss_scale must be greater than 0, got 0"),
        ({"loss_scale": "static"}, "loss_scale must be 'dynamic' or a number, got 'static'"),
        ({"loss_scale": float("inf")}, "loss_scale must be finite, got inf"),
        (
            {"loss_scale": "dynamic", "nan_policy": "propagate"},
            "loss_scale: a dynamic one needs the nan_policy 'raise'",
        ),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        nets.trainer("reference", **options)


def test_half_accumulators_are_trained_only_if_asked_for(backend: str) -> None:
    g = Graph()
    x, label = g.input(8, 8, 1), g.labels(4)
    y = layers.Dense(4)(layers.Conv2d(4, 3, accumulator="half")(x))
    loss = g.softmax_cross_entropy(y, label)
    with pytest.raises(UnsupportedError, match=r"conv2d.*: a half accumulator is for inference"):
        Trainer(loss, y, backend=backend)
    trainer = Trainer(loss, y, backend=backend, batch=16, half_accumulators=True)
    losses = nets.losses(trainer, *nets.data(64), 20)
    assert losses[-4:].mean() < losses[:4].mean()
    assert mpsnn.Predictor(y, backend=backend).infer(nets.data(3)[0]).shape == (3, 4)
