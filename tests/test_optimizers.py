"""Update rules against their equations, in float64, for ten steps."""

from __future__ import annotations

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, _core, layers


def sgd(w, g, s, t, rate, momentum=0.0, nesterov=False):
    if momentum == 0:
        return w - rate * g
    if nesterov:
        s["m"] = momentum * s.get("m", 0) + g
        return w - rate * (g + momentum * s["m"])
    s["m"] = momentum * s.get("m", 0) + rate * g
    return w - s["m"]


def rmsprop(w, g, s, t, rate, decay=0.9, epsilon=1e-8):
    s["s"] = decay * s.get("s", 0) + (1 - decay) * g**2
    return w - rate * g / (np.sqrt(s["s"]) + epsilon)


def adam(w, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
    rate = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * s["m"] / (np.sqrt(s["v"]) + epsilon)


def amsgrad(w, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
    s["max"] = np.maximum(s.get("max", 0), s["v"])
    rate = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * s["m"] / (np.sqrt(s["max"]) + epsilon)


def adamw(w, g, s, t, rate, weight_decay):
    return adam(w * (1 - rate * weight_decay), g, s, t, rate)


def prepared(w, g, s, t, rate, *, low=-np.inf, high=np.inf, norm=None, rescale=1, l1=0, l2=0):
    """Plain descent on a gradient that was clipped, rescaled and regularised."""
    if norm is not None:
        g = g * min(1, norm / np.linalg.norm(g))
    return w - rate * (rescale * np.clip(g, low, high) + l2 * w + l1 * np.sign(w))


RULES = [
    (mpsnn.SGD(0.1), sgd, {"rate": 0.1}),
    (mpsnn.SGD(0.1, momentum=0.9), sgd, {"rate": 0.1, "momentum": 0.9}),
    (mpsnn.SGD(0.1, momentum=0.8, nesterov=True), sgd,
     {"rate": 0.1, "momentum": 0.8, "nesterov": True}),
    (mpsnn.RMSProp(0.01, decay=0.95, epsilon=1e-3), rmsprop,
     {"rate": 0.01, "decay": 0.95, "epsilon": 1e-3}),
    (mpsnn.Adam(0.01), adam, {"rate": 0.01}),
    (mpsnn.Adam(0.02, beta1=0.8, beta2=0.99, epsilon=1e-4), adam,
     {"rate": 0.02, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4}),
    (mpsnn.Adam(0.1, beta2=0.5, amsgrad=True), amsgrad, {"rate": 0.1, "beta2": 0.5}),
    (mpsnn.AdamW(0.01, weight_decay=0.3), adamw, {"rate": 0.01, "weight_decay": 0.3}),
    (mpsnn.SGD(0.1, l2=0.3), prepared, {"rate": 0.1, "l2": 0.3}),
    (mpsnn.SGD(0.1, l1=0.02), prepared, {"rate": 0.1, "l1": 0.02}),
    (mpsnn.SGD(0.1, rescale=-0.5), prepared, {"rate": 0.1, "rescale": -0.5}),
    (mpsnn.SGD(0.5, clip_value=0.01), prepared, {"rate": 0.5, "low": -0.01, "high": 0.01}),
    (mpsnn.SGD(0.5, clip_value=(-0.02, 0.01)), prepared,
     {"rate": 0.5, "low": -0.02, "high": 0.01}),
    (mpsnn.SGD(0.5, clip_norm=0.1), prepared, {"rate": 0.5, "norm": 0.1}),
    (mpsnn.SGD(0.1, clip_norm=1e6), prepared, {"rate": 0.1, "norm": 1e6}),
    (mpsnn.SGD(0.5, clip_norm=0.2, clip_value=0.01, rescale=2, l1=0.01, l2=0.1), prepared,
     {"rate": 0.5, "norm": 0.2, "low": -0.01, "high": 0.01, "rescale": 2, "l1": 0.01, "l2": 0.1}),
]  # fmt: skip

CLASSES = 33  # not a multiple of any vector


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("optimizer", "rule", "options"), RULES, ids=[str(r[0]) for r in RULES])
def test_ten_steps_follow_the_equations(optimizer, rule, options, backend: str, rng) -> None:
    g = Graph()
    x, labels = g.input(5), g.labels(CLASSES)
    start = rng.standard_normal((CLASSES, 5)).astype(np.float32)
    weight = g.parameter(CLASSES, 5, source=mpsnn.ArraySource(weight=start), name="weight")
    loss = g.softmax_cross_entropy(g.dense(x, weight), labels)
    trainer = mpsnn.Trainer(loss, optimizer=optimizer, batch=8, backend=backend)

    expected, state = start.astype(np.float64), {}
    for t in range(1, 11):
        images = rng.standard_normal((8, 5)).astype(np.float32)
        classes = rng.integers(CLASSES, size=8)
        trainer.train_step(images, classes)
        error = softmax(images @ expected.T) - np.eye(CLASSES)[classes]
        expected = rule(expected, error.T @ images / 8, state, t, **options)
    got = trainer.state_dict()["weight"]
    # Ten float32 steps of 1e-7 relative each; RMSProp and Adam divide small gradients by
    # their own size, which raises an error of 1e-7 in them to the step's size.
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)
    assert np.abs(expected - start).max() > 0.02


def test_learning_rate_changes_without_another_graph(backend: str) -> None:
    g = Graph()
    weight = g.parameter(2, 1, source=mpsnn.ArraySource(weight=np.zeros((2, 1), np.float32)))
    loss = g.softmax_cross_entropy(g.dense(g.input(1), weight), g.labels(2))
    trainer = mpsnn.Trainer(loss, optimizer=mpsnn.SGD(1.0), batch=1, backend=backend)
    one, zero = np.ones((1, 1), np.float32), np.zeros(1, np.int32)
    trainer.learning_rate = 0.0
    trainer.train_step(one, zero).wait()
    np.testing.assert_array_equal(trainer.state_dict()[weight.label], 0)
    trainer.learning_rate = 2.0
    trainer.train_step(one, zero).wait()
    np.testing.assert_allclose(trainer.state_dict()[weight.label].ravel(), [1, -1])
    with pytest.raises(ShapeError, match="learning_rate: must be finite and not negative, got -1"):
        trainer.learning_rate = -1.0


def two_layers(optimizer: mpsnn.optim.Optimizer, batch: int, backend: str, **options):
    """A trainer with several parameters, one of them frozen."""
    g = Graph(seed=5)
    x, labels = g.input(6), g.labels(3)
    y = g.relu(layers.Dense(7)(x))
    loss = g.softmax_cross_entropy(layers.Dense(3)(layers.Dense(4, trainable=False)(y)), labels)
    return mpsnn.Trainer(loss, batch=batch, backend=backend, optimizer=optimizer, **options)


@pytest.mark.parametrize(
    "optimizer",
    [mpsnn.SGD(0.3, momentum=0.9), mpsnn.Adam(0.05), mpsnn.SGD(0.5, clip_norm=0.05)],
    ids=str,
)
def test_accumulated_steps_are_one_step_on_all_their_images(optimizer, backend: str, rng) -> None:
    parts = two_layers(optimizer, 4, backend, accumulate=3)
    whole = two_layers(optimizer, 12, backend)
    start = parts.state_dict()
    for update in range(3):
        images = rng.standard_normal((12, 6)).astype(np.float32)
        classes = rng.integers(3, size=12)
        for i in range(0, 12, 4):
            before = parts.state_dict()
            parts.train_step(images[i : i + 4], classes[i : i + 4]).wait()
            changed = any((parts.state_dict()[k] != before[k]).any() for k in before)
            assert changed == (i == 8), (update, i)
        whole.train_step(images, classes)
    ours, theirs = parts.state_dict(), whole.state_dict()
    for name in start:
        # The same sums in another order: float32 rounding, which Adam divides by its size.
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=2e-5, err_msg=name)
    assert (ours["dense_2.weight"] == start["dense_2.weight"]).all()


def test_accumulation_resumes_in_its_middle(backend: str, rng, tmp_path) -> None:
    images = rng.standard_normal((8, 4, 6)).astype(np.float32)
    classes = rng.integers(3, size=(8, 4))

    def run(trainer, steps):
        for i in steps:
            trainer.train_step(images[i], classes[i])

    def make():
        return two_layers(mpsnn.Adam(0.1, clip_norm=0.1), 4, backend, accumulate=3)

    through, first, second = make(), make(), make()
    run(through, range(8))
    run(first, range(4))
    first.save(tmp_path / "half")
    second.load(tmp_path / "half")
    run(second, range(4, 8))
    for name, value in through.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name], value, err_msg=name)


def test_the_clip_norm_counts_all_parameters(backend: str, rng) -> None:
    images = rng.standard_normal((4, 6)).astype(np.float32)
    classes = rng.integers(3, size=4)
    moved = []
    for norm in (None, 0.01):
        trainer = two_layers(mpsnn.SGD(1.0, clip_norm=norm), 4, backend)
        before = trainer.state_dict()
        trainer.train_step(images, classes).wait()
        after = trainer.state_dict()
        moved.append(np.concatenate([(after[k] - before[k]).ravel() for k in before]))
    np.testing.assert_allclose(np.linalg.norm(moved[1]), 0.01, rtol=1e-4)
    np.testing.assert_allclose(moved[1], moved[0] * 0.01 / np.linalg.norm(moved[0]), atol=1e-6)


def test_a_frozen_parameter_costs_no_gradient_work() -> None:
    def lines(*, frozen: bool) -> str:
        g = Graph()
        y = layers.Dense(4, trainable=not frozen)(g.input(6))
        y = layers.Conv2d(2, 3, trainable=not frozen)(g.reshape(y, 2, 2, 1))
        loss = g.softmax_cross_entropy(layers.Dense(3)(y), g.labels(3))
        return _core.training_graph(g.core, loss.id, mpsnn.SGD().core()).print()

    assert "conv2d_gradient(" in lines(frozen=False)
    assert "conv2d_gradient(" not in lines(frozen=True)
    assert lines(frozen=True).count("dense_gradient(") == 1
    assert "_, %" in next(x for x in lines(frozen=True).splitlines() if "dense_gradient(" in x)


def test_updates_run_right_behind_their_gradients_unless_a_norm_needs_them_all() -> None:
    g = Graph()
    y = layers.Dense(5)(layers.Dense(4)(g.input(6)))
    loss = g.softmax_cross_entropy(y, g.labels(5))

    def order(optimizer) -> list[str]:
        text = _core.training_graph(g.core, loss.id, optimizer.core()).print()
        kinds = (line.split(" = ")[-1].split("(")[0] for line in text.splitlines())
        return [k for k in kinds if k in ("dense_gradient", "sgd", "clip_scale")]

    gradient, update = "dense_gradient", "sgd"
    assert order(mpsnn.SGD()) == [gradient, update, update, gradient, update, update]
    clipped = order(mpsnn.SGD(clip_norm=1.0))
    assert clipped == [gradient, gradient, "clip_scale", *[update] * 4]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: mpsnn.SGD(l2=-1), "sgd: l2 must not be negative, got -1"),
        (lambda: mpsnn.Adam(clip_norm=0), "adam: clip_norm must be greater than 0, got 0"),
        (lambda: mpsnn.RMSProp(clip_value=(2, 1)), r"clip_value must be .lowest, highest., got"),
        (lambda: mpsnn.AdamW(weight_decay=-0.1), "adamw: weight_decay must not be negative"),
        (lambda: mpsnn.SGD(rescale=float("nan")), "sgd: rescale must be finite"),
        (lambda: two_layers(mpsnn.SGD(), 4, "reference", accumulate=0), "accumulate must be"),
    ],
)
def test_bad_options_are_named(make, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        make()
