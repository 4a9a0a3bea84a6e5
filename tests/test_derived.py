"""Values computed from weights alone: batch_norm folded into the layer before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, Predictor, Trainer, Value, _core, layers, optim

pytestmark = pytest.mark.skipif(
    "cpu" not in _core.backend_names(), reason="the reference keeps what it computes"
)

CHANNELS, PIXELS, BATCH = 192, 6, 16
# float32 sums of 3 x 3 x 192 numbers in another order, by Winograd's filtering too; bfloat16 rounds
# every number to 2^-9 of itself.
MOST = {"float32": 1e-4, "bfloat16": 0.03}


def network(g: Graph) -> tuple[Value, Value]:
    """A loss, and what two folded convolutions give, of 1 x 1 and 3 x 3."""
    x = g.input(PIXELS, PIXELS, CHANNELS)
    for kernel in (1, 3):
        conv = layers.Conv2d(CHANNELS, kernel, bias=False, name=f"conv{kernel}")
        x = g.relu(layers.BatchNorm(name=f"norm{kernel}")(conv(x)))
    y = g.flatten(g.avg_pool2d(x, PIXELS))
    return g.mean_squared_error(y, g.labels(CHANNELS)), y


def pair() -> tuple[Trainer, Trainer]:
    """On cpu and on the reference."""
    loss, y = network(Graph())
    options: dict[str, Any] = {"optimizer": optim.SGD(0.01), "batch": BATCH}
    return Trainer(loss, y, backend="cpu", **options), Trainer(
        loss, y, backend="reference", **options
    )


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, PIXELS, PIXELS, CHANNELS), np.float32)


def error(ours: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(ours - expected).max() / np.abs(expected).max())


def test_every_size_of_batch_and_precision_reads_the_weights_of_now() -> None:
    """Each is an executable of its own, made at its first use, and has copies of its own."""
    ours, reference = pair()
    y = ours._outputs[0]
    predictors = {
        precision: Predictor(y, weights=ours, batch=BATCH, precision=precision)
        for precision in MOST
    }
    rng = np.random.default_rng(1)
    with ours, reference:
        for sizes in ((BATCH,), (1, BATCH), (BATCH, 2, 1)):
            state = ours.state_dict()
            for value in state.values():  # variances stay above 0
                value *= rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
            ours.load_state_dict(state)
            reference.load_state_dict(ours.state_dict())
            for n in sizes:
                expected = reference.infer(images(n))
                assert error(ours.infer(images(n)), expected) < MOST["float32"]
                for precision, predictor in predictors.items():
                    for _ in range(2):
                        assert error(predictor.infer(images(n)), expected) < MOST[precision]


def test_folded_weights_follow_each_training_step() -> None:
    ours, reference = pair()
    target = np.random.default_rng(2).standard_normal((BATCH, CHANNELS), np.float32)
    with ours, reference:
        reference.load_state_dict(ours.state_dict())
        for step in range(3):
            for trainer in (ours, reference):
                trainer.train_step(images(BATCH, step), target)
            for n in (BATCH, 1):
                assert error(ours.infer(images(n)), reference.infer(images(n))) < MOST["float32"]


@pytest.mark.parametrize("precision", MOST)
def test_a_folded_weight_that_is_copied_takes_no_memory(precision: str) -> None:
    """Only the copy is there in the end, which may be padded, or of more points than taps."""
    g = Graph()
    x = g.input(PIXELS, PIXELS, CHANNELS)
    conv = layers.Conv2d(CHANNELS, 1, bias=False)
    predictor = Predictor(
        layers.BatchNorm()(conv(g.relu(x))), batch=BATCH, backend="cpu", precision=precision
    )
    weight = 4 * CHANNELS * CHANNELS
    report = predictor.memory_report()
    assert report["parameter_bytes"] == weight + 4 * 4 * CHANNELS
    predictor.infer(images(BATCH))
    assert 0 < predictor.memory_report()["packed_bytes"] < 1.1 * weight
