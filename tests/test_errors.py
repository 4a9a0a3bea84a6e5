"""Bad input: a typed error that names the argument, and nothing has changed."""

from __future__ import annotations

import re

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import DeviceError, Error, Graph, ShapeError, UnsupportedError, layers

IMAGES, LABELS = nets.data(16)
WEIGHTS = np.ones(16, np.float32)

BAD = [
    ((IMAGES[0], LABELS), ShapeError, "images: must be (N, 8, 8, 1), got (8, 8, 1)"),
    ((IMAGES[:, :7], LABELS), ShapeError, "must be C-contiguous; use np.ascontiguousarray"),
    ((IMAGES[:, :7].copy(), LABELS), ShapeError, "images: must be (N, 8, 8, 1), got (16, 7, 8, 1)"),
    ((IMAGES.astype(np.float64), LABELS), ShapeError, "images: dtype must be float32, got float64"),
    ((IMAGES.astype(np.float16), LABELS), ShapeError, "images: dtype float16 is not accepted"),
    ((IMAGES.astype(">f4"), LABELS), ShapeError, "images: dtype >f4 is not accepted"),
    ((IMAGES.astype(np.uint8), LABELS), ShapeError, "images: dtype must be float32, got uint8"),
    ((IMAGES.astype(object), LABELS), ShapeError, "images: dtype object is not accepted"),
    ((np.asfortranarray(IMAGES), LABELS), ShapeError, "must be C-contiguous"),
    ((IMAGES[::2], LABELS[::2]), ShapeError, "images: (8, 8, 8, 1) must be C-contiguous"),
    ((IMAGES[:0], LABELS[:0]), ShapeError, "images: the batch is empty, got (0, 8, 8, 1)"),
    ((np.repeat(IMAGES, 2, 0), np.repeat(LABELS, 2)), ShapeError,
     "images: batch must be 1 to 16 images, got 32"),
    ((IMAGES.tolist(), LABELS), TypeError, "images: must be a numpy array"),
    ((None, LABELS), TypeError, "images: must be a numpy array"),
    (({"nope": IMAGES}, LABELS), ShapeError, "images: 'nope' is no input of this graph"),
    (({}, LABELS), ShapeError, "images: not bound"),
    ((IMAGES, None), ShapeError, "labels: 'labels_1' is not bound"),
    ((IMAGES, LABELS.tolist()), TypeError, "labels: must be a numpy array, got list"),
    ((IMAGES, LABELS[:15]), ShapeError, "labels: must have 16 images like the others, got 15"),
    ((IMAGES, LABELS[:, None]), ShapeError, "labels: must be (N,), got (16, 1)"),
    ((IMAGES, np.eye(4, dtype=int)[LABELS]), ShapeError, "one-hot labels must be float32"),
    ((IMAGES, LABELS + 1), ShapeError, "labels: class must be 0 to 3, got 4 at image"),
    ((IMAGES, LABELS - 1), ShapeError, "labels: class must be 0 to 3, got -1 at image"),
    ((IMAGES, LABELS + 2**40), ShapeError, "labels: class indices must fit int32"),
    ((IMAGES, LABELS > 1), ShapeError, "labels: must be float32, or integers"),
    ((IMAGES, np.eye(4)[LABELS]), ShapeError, "labels: must be float32 if they are no class indices, got float64"),
    ((IMAGES, np.eye(5, dtype="f4")[LABELS]), ShapeError, "labels: must be (N, 4), got (16, 5)"),
    ((IMAGES, LABELS, WEIGHTS[:3]), ShapeError, "weights: must have 16 images"),
    ((IMAGES, LABELS, WEIGHTS.astype(np.float64)), ShapeError,
     "weights: dtype must be float32, got float64"),
    ((IMAGES, LABELS, WEIGHTS[:, None].copy()), ShapeError, "weights: must be (N,), got (16, 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "message"), BAD, ids=[b[2][:50] for b in BAD])
def test_a_bad_batch_is_named_and_changes_nothing(arguments, kind, message, backend) -> None:
    t = nets.trainer(backend)
    before = t.state_dict()
    with pytest.raises(kind, match=re.escape(message)):
        t.train_step(*arguments)
    if arguments[1] is not None and "batch must be" not in message:
        with pytest.raises(kind, match=re.escape(message)):
            t.evaluate(*arguments)
    assert t.step == 0
    for name, value in t.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert t.train_step(IMAGES, LABELS).loss.shape == (16,)  # still usable


def test_nothing_runs_on_a_closed_trainer(backend: str) -> None:
    t = nets.trainer(backend)
    step = t.train_step(IMAGES, LABELS)
    t.close()
    t.close()
    assert t.closed
    assert step.loss.shape == (16,)  # what was submitted has run
    for call in (
        lambda: t.train_step(IMAGES, LABELS),
        lambda: t.infer(IMAGES),
        lambda: t.evaluate(IMAGES, LABELS),
        t.state_dict,
        t.memory_report,
        t.wait,
    ):
        with pytest.raises(Error, match="trainer: is closed"):
            call()


@pytest.mark.parametrize("batch", [0, -1, 2**20 + 1, 2**31, 2**70])
def test_an_impossible_batch_is_refused(batch: int, backend: str) -> None:
    with pytest.raises(ShapeError, match=r"batch:? must be"):
        nets.trainer(backend, batch=batch)


@pytest.mark.parametrize(("option", "most"), [("in_flight", 64), ("threads", 1024)])
def test_an_option_beyond_reason_is_refused(option: str, most: int, backend: str) -> None:
    with pytest.raises(ShapeError, match=rf"{option}: must be \d to {most}, got 1000000"):
        nets.trainer(backend, **{option: 10**6})


def test_a_batch_that_fits_no_memory_is_a_device_error(backend: str) -> None:
    g = Graph()
    x = g.input(4096, 4096, 3)
    loss = g.softmax_cross_entropy(layers.Dense(2)(g.relu(g.max_pool2d(x, 64))), g.labels(2))
    with pytest.raises(DeviceError, match=r"not enough memory: .* bytes needed"):
        mpsnn.Trainer(loss, batch=2**20, backend=backend)


def test_an_unknown_backend_names_those_that_exist() -> None:
    with pytest.raises(UnsupportedError, match=r"backend: there is no 'tpu'; this build has '"):
        nets.trainer("tpu")
    with pytest.raises(UnsupportedError, match=r"backend: 'metal' is not in this build \("):
        nets.trainer("metal")


def test_a_loss_must_be_one_number_per_image() -> None:
    g = Graph()
    logits = layers.Dense(4)(g.input(3))
    with pytest.raises(ShapeError, match=r"loss must be one number per image, \(\), got \(4,\)"):
        mpsnn.Trainer(logits)


def test_a_loss_of_no_parameter_cannot_be_trained() -> None:
    g = Graph()
    with pytest.raises(ShapeError, match="loss: depends on no trainable parameter"):
        mpsnn.Trainer(g.softmax_cross_entropy(g.input(4), g.labels(4)))


GRAPH_ERRORS = [
    (lambda g: g.conv2d(g.input(28, 28, 1), g.parameter(8, 3, 3, 3)),
     "conv2d: weight (8, 3, 3, 3) must read C / groups = 1 channels of x (28, 28, 1), got 3"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 5, 5, 3), padding="valid"), "conv2d: "),
    (lambda g: g.conv2d(g.input(4, 4), g.parameter(8, 5, 5, 3)), "conv2d: x must be an image (H, W, C), got (4, 4)"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 3), g.parameter(7)),
     "conv2d: bias"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 1), groups=2), "groups"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 3), stride=0), "conv2d: stride"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 3), dilation=2**30), "dilation"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 3), padding=2**30), "padding"),
    (lambda g: g.conv2d(g.input(4, 4, 3), g.parameter(8, 3, 3, 3), padding="full"), "padding"),
    (lambda g: g.dense(g.input(4), g.parameter(3, 5)), "dense: weight"),
    (lambda g: g.max_pool2d(g.input(4, 4, 1), 5), "max_pool2d: "),
    (lambda g: g.avg_pool2d(g.input(4, 4, 1), 2, padding=2), "avg_pool2d: padding"),
    (lambda g: g.add(g.input(4), g.input(5)), "add: "),
    (lambda g: g.reshape(g.input(4), 5), "reshape: "),
    (lambda g: g.reshape(g.input(4), 2, -2), "reshape: shape"),
    (lambda g: g.concat([g.input(4, 2), g.input(5, 2)]), "concat: "),
    (lambda g: g.concat([]), "concat: "),
    (lambda g: g.concat([g.input(4)], axis=3), "concat: axis"),
    (lambda g: g.dropout(g.input(4), 1.0), "dropout: rate"),
    (lambda g: g.dropout(g.input(4), -0.1), "dropout: rate"),
    (lambda g: g.softmax_cross_entropy(g.input(3), g.labels(4)), "softmax_cross_entropy: "),
    (lambda g: g.softmax_cross_entropy(g.input(4), g.labels(4), label_smoothing=1.0),
     "label_smoothing"),
    (lambda g: g.input(2**30, 2**30), "too large"),
    (lambda g: g.input(1, 2, 3, 4, 5), "more than 4 axes"),
    (lambda g: g.input(0), "shape"),
    (lambda g: g.input(3, dtype="int64"), "dtype"),
    (lambda g: g.labels(0), "labels: shape"),
    (lambda g: g.relu(Graph().input(3)), "relu: x Value('input_1', shape=(3,), dtype=float32)"),
    (lambda g: [g.parameter(3, name="w"), g.parameter(3, name="w")], "'w'"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "message"), GRAPH_ERRORS, ids=[m for _, m in GRAPH_ERRORS])
def test_a_mistake_in_the_graph_is_reported_where_it_was_made(build, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(Graph())


def test_a_value_that_is_none_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="relu: x must be a Value, got ndarray"):
        Graph().relu(np.zeros(3))
    with pytest.raises(TypeError, match="loss: must be a Value, got NoneType"):
        mpsnn.Trainer(None)
