"""Layout ops against numpy, and what a gradient cannot show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Trainer, Value, _core


def run(g: Graph, y: Value, backend: str, **arrays: np.ndarray) -> np.ndarray:
    exe = _core.compile(g.core, batch=2, outputs=[y.id], backend=backend)
    bound = [(v.id, arrays[v.label]) for v in g.inputs if v.label in arrays]
    return exe.run(2, bound, [y.id])[0]


@pytest.mark.parametrize(
    ("mode", "numpy_mode"),
    [
        ("constant", "constant"),
        ("clamp", "edge"),
        ("mirror", "reflect"),
        ("mirror_with_edge", "symmetric"),
    ],
)
def test_padding_is_that_of_numpy(mode: Any, numpy_mode: Any, backend: str, rng) -> None:
    g = Graph()
    x = rng.standard_normal((2, 3, 4, 3)).astype(np.float32)
    y = g.pad(g.input(3, 4, 3, name="x"), (2, 0, 1), (1, 3, 2), mode)
    expected = np.pad(x, ((0, 0), (2, 1), (0, 3), (1, 2)), numpy_mode)
    np.testing.assert_array_equal(run(g, y, backend, x=x), expected)


def test_margins_are_added_and_cut(backend: str, rng) -> None:
    g = Graph()
    x = g.input(3, 4, 2, name="x")
    padded = g.zero_pad2d(x, (1, 0, 2, 3))
    assert padded.shape == (4, 9, 2)
    assert g.zero_pad2d(x, 1).shape == (5, 6, 2)
    assert g.crop2d(x, 1).shape == (1, 2, 2)
    data = rng.standard_normal((2, 3, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(run(g, g.crop2d(padded, (1, 0, 2, 3)), backend, x=data), data)


INDICES: list[Any] = [
    0,
    -1,
    slice(1, None),
    ...,
    (slice(None), slice(-3, -1)),
    (1, 2, 0),
    (..., 1),
    (slice(None, None, 2), ..., slice(-1, None)),
    (slice(-100, 100), slice(1, 100, 3)),
    (),
    np.int64(1),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_brackets_cut_as_in_numpy(index: Any, backend: str, rng) -> None:
    g = Graph()
    y = g.input(3, 5, 2, name="x")[index]
    x = rng.standard_normal((2, 3, 5, 2)).astype(np.float32)
    expected = np.stack([image[index] for image in x])
    assert y.shape == expected.shape[1:]
    np.testing.assert_array_equal(run(g, y, backend, x=x), expected)


def test_slice_takes_bounds_for_each_axis() -> None:
    g = Graph()
    x = g.input(6, 5, 4)
    assert g.slice(x, (1, None, -2), (None, -1, 4)).shape == (5, 4, 2)
    assert g.slice(x, (0, 0, 0), (6, 5, 4), 2).shape == (3, 3, 2)
    assert g.slice(x, (0, 0, 0), (6, 5, 4), (1, 2, 3)).shape == (6, 3, 2)


def test_a_value_is_no_sequence() -> None:
    x = Graph().input(3)
    with pytest.raises(TypeError, match="not iterable"):
        list(x)  # type: ignore[call-overload]  # the point


def test_a_stopped_gradient_leaves_the_value(backend: str, rng) -> None:
    g = Graph()
    x = g.input(3, name="x")
    y = g.add(x, g.stop_gradient(x))
    loss = g.reduce_sum(y)
    (gradient,) = _core.add_gradients(g.core, loss.id, [x.id])
    exe = _core.compile(g.core, batch=2, outputs=[y.id, gradient], backend=backend)
    data = rng.standard_normal((2, 3)).astype(np.float32)
    values, gradients = exe.run(2, [(x.id, data)], [y.id, gradient])
    np.testing.assert_allclose(values, 2 * data)
    np.testing.assert_allclose(gradients, 0.5)  # of the mean over two images


def test_a_loss_behind_a_stopped_gradient_cannot_be_trained() -> None:
    g = Graph()
    y = mpsnn.layers.Dense(3)(g.input(4))
    with pytest.raises(mpsnn.ShapeError, match="loss: depends on no trainable parameter"):
        mpsnn.Trainer(g.softmax_cross_entropy(g.stop_gradient(y), g.labels(3)))


def test_a_stopped_gradient_costs_no_memory() -> None:
    g = Graph()
    x = g.input(64, name="x")
    plain = g.softmax(x)
    y = g.softmax(g.stop_gradient(plain))
    sizes = [
        _core.compile(g.core, batch=2, outputs=[v.id], backend="reference").memory_report()
        for v in (plain, y)
    ]
    assert sizes[1]["arena_bytes"] <= 2 * sizes[0]["arena_bytes"]


@pytest.mark.parametrize("shared", [False, True])
def test_parameters_that_a_concat_joins_train_as_one_parameter_does(
    shared: bool, backend: str, rng
) -> None:
    """They lie side by side, and nothing is copied; one that two concats join cannot."""
    whole = rng.normal(size=(6, 4)).astype(np.float32)
    data = rng.normal(size=(5, 4)).astype(np.float32)

    def trained(parts: bool) -> tuple[np.ndarray, Trainer]:
        g = Graph()
        x = g.input(4)
        if parts:
            blocks = {"a": whole[:2], "b": whole[2:3], "c": whole[3:]}
            ws = [
                g.parameter(*w.shape, source=mpsnn.ArraySource(weight=w.copy()), name=name)
                for name, w in blocks.items()
            ]
            first, w = g.concat(ws[:2], axis=0), g.concat(ws, axis=0)
            upper = g.dense(x, first) if shared else g.dense(x, w)[:3]
        else:
            w = g.parameter(6, 4, source=mpsnn.ArraySource(weight=whole), name="w")
            upper = g.dense(x, w)[:3]
        y = g.concat([g.tanh(g.dense(x, w)), upper * upper])
        loss = g.mean_squared_error(y, g.linear(y, 0.0, 0.5))
        trainer = Trainer(loss, batch=5, backend=backend, optimizer=mpsnn.Adam(0.1))
        for _ in range(4):
            trainer.train_step(data).wait()
        state = trainer.state_dict()
        return np.concatenate([state[n] for n in ("a", "b", "c")]) if parts else state["w"], trainer

    expected, _ = trained(False)
    ours, trainer = trained(True)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    joins = [line for line, _ in trainer.implementations() if "= concat(" in line]
    assert len(joins) == (2 if shared else 1), "the one of values, and what cannot lie side by side"
