from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn.binding import accuracy, bind_labels

OUTPUT = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.6, 0.1, 0.3], [0, 0, 1]], np.float32)
LABELS = np.array([0, 1, 2, 2])  # the third is taken for a 0


@pytest.fixture
def net() -> tuple[mpsnn.Graph, mpsnn.Value, mpsnn.Value]:
    """Graph, logits and loss of a network that gives back its input."""
    g = mpsnn.Graph()
    identity = mpsnn.ArraySource(weight=np.eye(3, dtype=np.float32))
    logits = g.dense(g.input(3), g.parameter(3, 3, source=identity))
    return g, logits, g.softmax_cross_entropy(logits, g.labels(3))


def test_accuracy_counts_the_largest_outputs() -> None:
    assert accuracy(OUTPUT, mpsnn.LossLabels(LABELS)) == 0.75
    one_hot = np.eye(3, dtype=np.float32)[LABELS]
    assert accuracy(OUTPUT, mpsnn.LossLabels(one_hot)) == 0.75


def test_accuracy_follows_the_weights_of_the_images() -> None:
    weights = np.array([1, 0, 3, 0], np.float32)
    assert accuracy(OUTPUT, mpsnn.LossLabels(LABELS, weights)) == 0.25
    assert accuracy(OUTPUT, mpsnn.LossLabels(LABELS, 0 * weights)) is None


def test_there_is_no_accuracy_where_the_output_has_no_classes() -> None:
    assert accuracy(OUTPUT.reshape(4, 3, 1), mpsnn.LossLabels(LABELS)) is None
    assert accuracy(OUTPUT, mpsnn.LossLabels(np.eye(4, dtype=np.float32)[LABELS])) is None


def test_an_evaluation_has_mean_loss_accuracy_losses_and_outputs(net: Any, backend: str) -> None:
    _, logits, loss = net
    with mpsnn.Trainer(loss, logits, backend=backend) as trainer:
        result = trainer.evaluate(OUTPUT, LABELS)
    softmax = np.exp(OUTPUT) / np.exp(OUTPUT).sum(axis=1, keepdims=True)
    expected = -np.log(softmax[np.arange(4), LABELS])
    # exp and log of float32, rounded once each.
    np.testing.assert_allclose(result.losses, expected, rtol=1e-5)
    assert result.loss == pytest.approx(expected.mean(), rel=1e-5)
    assert result.accuracy == 0.75
    np.testing.assert_allclose(result.outputs[0], OUTPUT, rtol=1e-6)


def test_one_output_is_an_array_and_several_are_a_tuple(net: Any, backend: str) -> None:
    g, logits, loss = net
    with mpsnn.Trainer(loss, logits, backend=backend) as trainer:
        assert trainer.infer(OUTPUT).shape == (4, 3)
    with mpsnn.Trainer(loss, [logits, g.softmax(logits)], backend=backend) as trainer:
        first, second = trainer.infer(OUTPUT)
        np.testing.assert_allclose(second.sum(axis=1), 1, rtol=1e-6)
        assert first.shape == (4, 3)
    with mpsnn.Trainer(loss, backend=backend) as trainer:
        assert trainer.evaluate(OUTPUT, LABELS).accuracy is None
        with pytest.raises(mpsnn.Error, match="infer: the trainer was made without outputs"):
            trainer.infer(OUTPUT)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", ">i4", "int64", "uint64"])
def test_labels_may_be_integers_of_any_kind(dtype: str) -> None:
    bound = bind_labels(LABELS.astype(dtype), None).labels
    assert bound.dtype == np.int32
    np.testing.assert_array_equal(bound, LABELS)


def test_int32_labels_are_not_copied() -> None:
    labels = LABELS.astype(np.int32)
    assert bind_labels(labels, None).labels is labels


def test_weights_are_given_once() -> None:
    weights = np.ones(4, np.float32)
    assert bind_labels(mpsnn.LossLabels(LABELS, weights), None).weights is weights
    with pytest.raises(TypeError, match="weights: given twice, also in LossLabels"):
        bind_labels(mpsnn.LossLabels(LABELS, weights), weights)


def test_a_trainer_names_the_argument_that_cannot_be(net: Any) -> None:
    _, _, loss = net
    bad: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((OUTPUT,), {}, "loss: must be a Value, got ndarray"),
        ((loss, 3), {}, "trainer: outputs must be a Value or several, got 3"),
        ((loss, [OUTPUT]), {}, "trainer: outputs must be a Value, got ndarray"),
        ((loss,), {"optimizer": "adam"}, "optimizer: must be one such as Adam.., got 'adam'"),
        ((loss,), {"batch": 2.5}, "batch must be an integer, got 2.5"),
    ]
    for arguments, options, message in bad:
        with pytest.raises(TypeError, match=message):
            mpsnn.Trainer(*arguments, **options)
    with pytest.raises(mpsnn.ShapeError, match="nan_policy: must be 'raise' or 'propagate'"):
        mpsnn.Trainer(loss, nan_policy="ignore")  # type: ignore[arg-type]  # the point
    with pytest.raises(mpsnn.ShapeError, match=r"outputs .* belongs to another graph"):
        mpsnn.Trainer(loss, mpsnn.Graph().input(3))
