"""Neurons at the edges, masks with strides, comparisons, operators, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, ShapeError, Value, _core, layers


def evaluate(backend: str, build: Any, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """y, and the gradient of its sum by each value."""
    g = Graph()
    inputs = [g.input(*a.shape[1:]) for a in arrays]
    y = build(g, *inputs)
    total = g.reduce_sum(y) if y.shape else y
    gradients = _core.add_gradients(g.core, g.batch_sum(total).id, [v.id for v in inputs])
    exe = _core.compile(g.core, batch=len(arrays[0]), outputs=[y.id, *gradients], backend=backend)
    dtype = np.float64 if backend == "reference" else np.float32
    bound = [(v.id, a.astype(dtype)) for v, a in zip(inputs, arrays, strict=True)]
    return exe.run(len(arrays[0]), bound, [y.id, *gradients])


def test_gradients_where_a_neuron_has_a_corner(backend: str) -> None:
    at = np.array([[-1.0, 0.0, 2.0, 6.0]])
    for build, slopes in [
        (lambda g, x: g.relu(x), [0, 0, 1, 1]),
        (lambda g, x: g.relu(x, 0.5), [0.5, 0.5, 1, 1]),
        (lambda g, x: g.relu(x, -0.5), [-0.5, -0.5, 1, 1]),
        (lambda g, x: g.relu6(x), [0, 0, 1, 0]),
        (lambda g, x: g.abs(x), [-1, 0, 1, 1]),
        (lambda g, x: g.clamp(x, 0, 2), [0, 0, 0, 0]),
        (lambda g, x: g.minimum(x, g.linear(x, 0.0, 2.0)), [1, 1, 1, 0]),
        (lambda g, x: g.maximum(x, g.linear(x, 0.0, 2.0)), [0, 0, 1, 1]),
        (lambda g, x: g.multiply(x, x, high=4.0), [-2, 0, 0, 0]),
    ]:
        np.testing.assert_array_equal(evaluate(backend, build, at)[1], [slopes])
    zero = np.zeros((1, 2))
    assert not evaluate(backend, lambda g, x: g.sqrt(x), zero)[1].any()


def test_large_numbers_do_not_overflow(backend: str) -> None:
    large = np.array([[-1e4, 1e4]])
    for name, y, slopes in [
        ("softplus", [0, 1e4], [0, 1]),
        ("sigmoid", [0, 1], [0, 0]),
        ("silu", [0, 1e4], [0, 1]),
        ("gelu", [0, 1e4], [0, 1]),
        ("tanh", [-1, 1], [0, 0]),
        ("elu", [-1, 1e4], [0, 1]),
        ("log_softmax", [-2e4, 0], [1, -1]),
    ]:
        got = evaluate(backend, lambda g, x, name=name: getattr(g, name)(x), large)
        np.testing.assert_allclose(got[0], [y], rtol=1e-5, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(got[1], [slopes], rtol=1e-5, atol=1e-5, err_msg=name)


def test_comparisons(backend: str) -> None:
    a, b = np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 2.0, 2.0]])
    for name, expected in [
        ("equal", [0, 1, 0]),
        ("not_equal", [1, 0, 1]),
        ("less", [1, 0, 0]),
        ("less_equal", [1, 1, 0]),
        ("greater", [0, 0, 1]),
        ("greater_equal", [0, 1, 1]),
    ]:
        y, da, db = evaluate(
            backend,
            lambda g, a, b, name=name: g.add(getattr(g, name)(a, b), g.multiply(a, b)),
            a,
            b,
        )
        np.testing.assert_array_equal(y - a * b, [expected], err_msg=name)
        np.testing.assert_array_equal(da, b)  # of the product alone
        np.testing.assert_array_equal(db, a)


MASKS = [
    ((0, 0, 1), (1, 1, 5)),
    ((1, 1, 0), (6, 4, 1)),
    ((0, 1, 0), (1, 4, 1)),
    ((0, 0, 0), (1,) * 3),
]


@pytest.mark.parametrize(("strides", "shape"), MASKS)
def test_a_mask_stride_of_0_gives_an_axis_one_draw(
    backend: str, strides: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    g = Graph()
    x = g.input(6, 4, 5)
    y = g.dropout(x, 0.4, strides)
    mask = y.states["mask"]
    assert mask.shape == shape
    whole = g.dropout(g.reshape(g.parameter(*shape, name="ones"), *shape), 0.4)
    outputs = [y.id, mask.id]
    exe = _core.compile(g.core, batch=16, outputs=outputs, backend=backend, seed=3)
    dtype = np.float64 if backend == "reference" else np.float32
    ones = np.ones((16, 6, 4, 5), dtype)
    dropped, drawn = exe.run(16, [(x.id, ones)], outputs)
    np.testing.assert_allclose(dropped, np.broadcast_to(drawn / 0.6, dropped.shape), rtol=1e-6)
    assert drawn.shape == (16, *shape)
    assert 0 < drawn.mean() < 1
    assert len({image.tobytes() for image in drawn}) > 1  # each image draws its own
    assert whole.shape == shape


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="compares cpu with reference")
@pytest.mark.parametrize(("strides", "shape"), [*MASKS, ((1, 1, 1), (6, 4, 5))])
def test_masks_are_the_same_on_every_backend(strides: Any, shape: Any) -> None:
    masks = []
    for backend in mpsnn.backend_names():
        g = Graph()
        y = g.dropout(g.input(6, 4, 5), 0.3, strides)
        mask = y.states["mask"].id
        exe = _core.compile(g.core, batch=8, outputs=[mask], backend=backend, seed=11)
        dtype = np.float64 if backend == "reference" else np.float32
        masks.append(exe.run(8, [(g.inputs[0].id, np.ones((8, 6, 4, 5), dtype))], [mask])[0])
    np.testing.assert_array_equal(masks[0], masks[1])
    assert masks[0].shape == (8, *shape)


def test_values_refuse_what_is_no_number() -> None:
    x = Graph().input(3)
    for act in (
        lambda: x + "1",
        lambda: "1" - x,
        lambda: x * None,
        lambda: np.ones(3) + x,
        lambda: x / np.ones(3),
        lambda: x @ 2,
        lambda: x**x,
        lambda: True * x,
        lambda: [1] / x,
    ):
        with pytest.raises(TypeError):
            act()


ERRORS: list[tuple[Any, str]] = [
    (lambda g: g.add(g.input(3, 4), g.input(3)), "axes of a (3, 4) and b (3,), from the last on"),
    (lambda g: g.input(2) * g.input(3), "multiply: axes of a (2,) and b (3,)"),
    (lambda g: g.divide(g.input(2), g.input(2), low=1, high=0), "low must be at most high"),
    (lambda g: g.add(g.input(2), g.input(2), bias=float("inf")), "add: bias must be finite"),
    (lambda g: g.scale_bias(g.input(4, 2), g.parameter(2), g.parameter(4)), "bias (4,) must fit x"),
    (lambda g: g.relu_n(g.input(2), 0), "relu_n: b must be positive and finite, got 0"),
    (lambda g: g.clamp(g.input(2), 2, 1), "clamp: a must be at most b, got 2 and 1"),
    (lambda g: g.exponential(g.input(2), c=0), "exponential: c must be positive, or -1 for e"),
    (lambda g: g.logarithm(g.input(2), c=1), "logarithm: c must not be 1"),
    (lambda g: g.tanh(g.input(2), float("nan")), "tanh: a must be finite"),
    (lambda g: g.relu(g.argmax(g.input(2))), "relu: x () must be float32, got int32"),
    (lambda g: g.log_softmax(g.input()), "log_softmax: x must have at least 1 axis, got ()"),
    (lambda g: g.prelu(g.input(3, 2), g.parameter(3)), "prelu: slope must be (2,) for x (3, 2)"),
    (lambda g: g.dropout(g.input(3), 0.5, (1, 1)), "mask_strides must be 0 or 1 for each axis"),
    (lambda g: g.dropout(g.input(3), 0.5, (2,)), "mask_strides must be 0 or 1 for each axis"),
    (
        lambda g: g.matmul(g.input(3), g.input(3, 2)),
        "matmul: a must have at least 2 axes, got (3,)",
    ),
    (lambda g: g.matmul(g.input(2, 3), g.input(2, 3)), "inner extent, got 3 and 2"),
    (lambda g: g.matmul(g.input(2, 3, 4), g.input(3, 4, 5)), "before the last two must be equal"),
    (lambda g: g.gram_matrix(g.input(3, 4)), "gram_matrix: x must be (H, W, C), got (3, 4)"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors_name_the_argument(build: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        build(Graph())


LAYERS: list[tuple[Any, str]] = [
    (layers.ReLU(), "relu"),
    (layers.ReLU(0.1, max_value=2.0), "relu_n"),
    (layers.LeakyReLU(), "relu"),
    (layers.PReLU(), "prelu"),
    (layers.ELU(), "elu"),
    (layers.GELU(), "gelu"),
    (layers.SiLU(), "silu"),
    (layers.Sigmoid(), "sigmoid"),
    (layers.Tanh(), "tanh"),
    (layers.Softmax(), "softmax"),
    (layers.SpatialDropout2d(0.2), "dropout"),
    *((layers.Activation(name), name) for name in ("softplus", "log_softmax", "hard_sigmoid")),
    (lambda x: layers.Add()([x, x, x]), "add"),
    (lambda x: layers.Multiply()([x, x]), "multiply"),
    (lambda x: layers.Average()([x, x]), "linear"),
    (lambda x: layers.Maximum()([x, x]), "maximum"),
    (lambda x: layers.Minimum()([x, x]), "minimum"),
]


@pytest.mark.parametrize(("layer", "op"), LAYERS, ids=[op for _, op in LAYERS])
def test_layers_keep_the_shape(layer: Any, op: str) -> None:
    g = Graph()
    y: Value = layer(g.input(4, 3, 2))
    assert y.shape == (4, 3, 2)
    assert f" {op}(" in str(g).splitlines()[-1]


def test_layers_refuse_what_they_cannot_do() -> None:
    x = Graph().input(3)
    with pytest.raises(ValueError, match=r"activation: function must be one of relu, .*got 'sin'"):
        layers.Activation("sin")(x)
    with pytest.raises(TypeError, match="add: values must be a sequence of at least one Value"):
        layers.Add()([])
    with pytest.raises(TypeError, match="relu: x must be a Value, got int"):
        layers.ReLU()(3)  # type: ignore[arg-type]


def test_prelu_learns_its_slopes(backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(2, 2, 3), g.labels(2)
    loss = g.softmax_cross_entropy(layers.Dense(2)(layers.PReLU(name="p")(x)), labels)
    with mpsnn.Trainer(loss, batch=4, backend=backend, optimizer=mpsnn.SGD(0.5)) as trainer:
        np.testing.assert_array_equal(trainer.state_dict()["p.slope"], np.float32([0.25] * 3))
        images = rng.standard_normal((4, 2, 2, 3)).astype(np.float32)
        trainer.train_step(images, np.array([0, 1, 0, 1])).wait()
        assert (trainer.state_dict()["p.slope"] != 0.25).all()
