from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import layers


@pytest.fixture
def net() -> mpsnn.Graph:
    return mpsnn.Graph()


def names(net: mpsnn.Graph) -> list[str]:
    return [net.core.label(v) for v in net.core.parameters()]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2d(4, 3), (8, 6, 4)),
        (layers.Conv2d(4, (3, 1), stride=2), (4, 3, 4)),
        (layers.Conv2d(4, 3, padding="valid"), (6, 4, 4)),
        (layers.Conv2d(4, 3, padding=2), (10, 8, 4)),
        (layers.Conv2d(4, 3, padding=(1, 0, 2, 0)), (7, 6, 4)),
        (layers.Conv2d(4, 3, dilation=(2, 1), padding="valid"), (4, 4, 4)),
        (layers.Conv2d(4, 3, groups=2), (8, 6, 4)),
        (layers.Dense(7), (7,)),
        (layers.MaxPool2d(2), (4, 3, 2)),
        (layers.MaxPool2d(3, stride=1, padding="same"), (8, 6, 2)),
        (layers.AvgPool2d((2, 3)), (4, 2, 2)),
        (layers.BatchNorm(), (8, 6, 2)),
        (layers.Dropout(0.1), (8, 6, 2)),
        (layers.ReLU(), (8, 6, 2)),
        (layers.Flatten(), (96,)),
    ],
)
def test_a_layer_gives_the_shape_that_it_documents(
    net: mpsnn.Graph, layer: Callable[[mpsnn.Value], mpsnn.Value], shape: tuple[int, ...]
) -> None:
    y = layer(net.input(8, 6, 2))
    assert y.shape == shape
    assert y.dtype == "float32"


def test_layers_name_their_weights_by_kind_and_number(net: mpsnn.Graph) -> None:
    x = net.input(8, 6, 2)
    conv = layers.Conv2d(2, 3)
    y = conv(conv(x))
    y = layers.Conv2d(2, 3, bias=False, name="last")(layers.BatchNorm()(y))
    layers.Dense(3)(y)
    assert names(net) == [
        *("conv2d_1.weight", "conv2d_1.bias", "conv2d_2.weight", "conv2d_2.bias"),
        *("batch_norm_1.gamma", "batch_norm_1.beta"),
        *("batch_norm_1.running_mean", "batch_norm_1.running_var"),
        *("last.weight", "dense_1.weight", "dense_1.bias"),
    ]


def test_the_graph_prints_a_line_per_node(net: mpsnn.Graph) -> None:
    layers.Conv2d(2, 3)(net.input(8, 6, 2, name="photo"))
    lines = str(net).splitlines()
    assert len(lines) == 4
    assert "'photo'" in lines[0]
    assert lines[-1].startswith("%3 = conv2d(%0, %1, %2)")
    assert lines[-1].endswith("(8, 6, 2) float32")


def test_a_name_can_be_used_once(net: mpsnn.Graph) -> None:
    x = layers.Dense(3, name="head")(net.input(4))
    with pytest.raises(mpsnn.ShapeError, match="dense: name 'head' is already used"):
        layers.Dense(3, name="head")(x)
    with pytest.raises(mpsnn.ShapeError, match=r"parameter: name 'head.weight' is already used"):
        net.parameter(3, name="head.weight")


def test_an_automatic_name_avoids_those_that_are_taken(net: mpsnn.Graph) -> None:
    x = layers.Dense(3, name="dense_1")(net.input(4))
    assert layers.Dense(3)(x).label == "dense_2"


def test_a_refused_layer_gives_its_name_back(net: mpsnn.Graph) -> None:
    x = net.input(8, 6, 2)
    with pytest.raises(mpsnn.ShapeError, match=r"conv2d: weight .* does not fit in the padded x"):
        layers.Conv2d(2, 30, padding="valid", name="a")(x)
    assert layers.Conv2d(2, 3, name="a")(x).label == "a"


def test_the_weights_depend_on_the_seed_of_the_graph_and_on_the_layers_name() -> None:
    def weights(seed: int, before: bool) -> dict[str, Any]:
        net = mpsnn.Graph(seed=seed)
        x, label = net.input(4), net.labels(3)
        if before:
            layers.Dense(9, name="unused")(x)
        y = layers.Dense(3, name="b")(layers.Dense(4, name="a")(x))
        loss = net.softmax_cross_entropy(y, label)
        with mpsnn.Trainer(loss, backend="reference") as trainer:
            return trainer.state_dict()

    first, again, other = weights(0, False), weights(0, True), weights(1, False)
    for name in ("a.weight", "b.weight"):
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    np.testing.assert_array_equal(first["a.bias"], 0)


def test_frozen_layers_stay_while_the_others_learn(backend: str, rng: np.random.Generator) -> None:
    net = mpsnn.Graph()
    x, label = net.input(4, 4, 1), net.labels(3)
    y = layers.BatchNorm(trainable=False)(layers.Conv2d(2, 3, trainable=False)(x))
    y = layers.Dense(3)(y)
    with mpsnn.Trainer(net.softmax_cross_entropy(y, label), batch=4, backend=backend) as trainer:
        before = trainer.state_dict()
        images = rng.normal(1, 1, size=(4, 4, 4, 1)).astype(np.float32)
        trainer.train_step(images, np.array([0, 1, 2, 0])).wait()
        after = trainer.state_dict()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {
        *("dense_1.weight", "dense_1.bias"),
        *("batch_norm_1.running_mean", "batch_norm_1.running_var"),
    }


def test_a_value_of_another_graph_is_refused_by_name(net: mpsnn.Graph) -> None:
    x = net.input(4)
    stranger = mpsnn.Graph().input(4)
    with pytest.raises(mpsnn.ShapeError, match=r"add: b Value\('input_1'.*another graph"):
        net.add(x, stranger)
    with pytest.raises(mpsnn.ShapeError, match=r"concat: values\[1\] .* another graph"):
        net.concat([x, stranger])


def test_what_is_no_value_is_refused_by_name(net: mpsnn.Graph) -> None:
    array: Any = np.zeros(4)
    with pytest.raises(TypeError, match="relu: x must be a Value, got ndarray"):
        net.relu(array)
    with pytest.raises(TypeError, match="dense: x must be a Value, got ndarray"):
        layers.Dense(3)(array)
    with pytest.raises(TypeError, match="dense: weight must be a Value, got NoneType"):
        net.dense(net.input(4), None)  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: layers.Conv2d(3, 0)(x), ValueError, "conv2d: kernel must be from 1"),
        (lambda x: layers.Conv2d(3, 2.5)(x), TypeError, "conv2d: kernel must be an integer"),
        (lambda x: layers.Conv2d(3, (1, 2, 3))(x), ValueError, "kernel must be one integer or"),
        (lambda x: layers.Conv2d(True, 3)(x), TypeError, "conv2d: channels must be an integer"),
        (lambda x: layers.Conv2d(0, 3)(x), ValueError, "conv2d: channels must be from 1"),
        (lambda x: layers.Conv2d(3, 3, stride=-1)(x), ValueError, "conv2d: stride must be from 1"),
        (lambda x: layers.Conv2d(3, 3, padding="full")(x), ValueError, "padding must be 'same'"),
        (lambda x: layers.Conv2d(3, 3, padding=-1)(x), ValueError, "padding must be from 0"),
        (lambda x: layers.Conv2d(3, 3, padding=(1, 1))(x), ValueError, r"or \(top, bottom"),
        (lambda x: layers.Conv2d(3, 3, groups=2)(x), ValueError, r"groups must divide .* got 2"),
        (lambda x: layers.Dense(3)(layers.Conv2d(3, 3)(layers.Flatten()(x))), ValueError, "image"),
        (lambda x: layers.Dense(0)(x), ValueError, "dense: units must be from 1"),
        (lambda x: layers.Dropout(1)(x), ValueError, "dropout: rate must be at least 0 and less"),
        (lambda x: layers.Dropout(float("nan"))(x), ValueError, "rate must be finite, got nan"),
        (lambda x: layers.Dropout("0")(x), TypeError, "dropout: rate must be a number, got '0'"),
        (lambda x: layers.BatchNorm(epsilon=0)(x), ValueError, "epsilon must be greater than 0"),
        (lambda x: layers.MaxPool2d(2, edge="wrap")(x), ValueError, "edge.*'wrap'"),
        (lambda x: layers.MaxPool2d(9)(x), ValueError, "max_pool2d.*kernel"),
        (lambda x: x.graph.reshape(x, 5), ValueError, r"reshape.*\(5,\)"),
        (lambda x: x.graph.concat(x), TypeError, "concat: values must be a sequence"),
        (lambda x: x.graph.input(0), ValueError, "input: shape must be from 1"),
        (
            lambda x: x.graph.input(2, dtype="int8"),
            ValueError,
            "input: dtype must be 'float32', 'uint8' or 'int32'",
        ),
        (lambda x: x.graph.labels(0), ValueError, "labels: shape must be from 1"),
        (lambda x: mpsnn.Graph(seed=-1), ValueError, "seed: must be from 0"),
    ],
)
def test_a_mistake_names_op_and_argument(
    net: mpsnn.Graph, make: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(net.input(8, 6, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mpsnn.SGD(learning_rate=0), "sgd: learning_rate must be greater than 0, got 0.0"),
        (lambda: mpsnn.SGD(momentum=1), "sgd: momentum must be at least 0 and less than 1"),
        (lambda: mpsnn.SGD(nesterov=True), "sgd: nesterov needs momentum"),
        (lambda: mpsnn.RMSProp(decay=-1), "rms_prop: decay must be at least 0"),
        (lambda: mpsnn.Adam(epsilon=0), "adam: epsilon must be greater than 0"),
    ],
)
def test_an_optimizer_checks_its_numbers(make: Callable[[], object], message: str) -> None:
    with pytest.raises(mpsnn.ShapeError, match=message):
        make()
