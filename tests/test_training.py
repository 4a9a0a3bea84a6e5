from __future__ import annotations

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, NumericError, layers


def test_loss_falls_and_inference_uses_the_current_weights(backend: str) -> None:
    images, labels = nets.data(96)
    t = nets.trainer(backend)
    before = t.evaluate(images, labels)
    first = nets.losses(t, images, labels, 60)
    after = t.evaluate(images, labels)
    assert first[-5:].mean() < 0.5 * first[:5].mean()
    assert after.loss < 0.5 * before.loss
    assert after.accuracy > before.accuracy
    np.testing.assert_allclose(t.infer(images), after.outputs[0])
    np.testing.assert_allclose(t.infer(images).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_same_seed_gives_the_same_losses_bit_for_bit(backend: str, norm: bool) -> None:
    images, labels = nets.data(64)
    runs = [nets.losses(nets.trainer(backend, norm=norm), images, labels) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
    other = nets.losses(nets.trainer(backend, norm=norm, seed=1), images, labels)
    assert (runs[0] != other).any()  # another dropout mask


def test_two_steps_in_flight_equal_one_at_a_time(backend: str) -> None:
    images, labels = nets.data(64)
    two = nets.losses(nets.trainer(backend), images, labels)
    one = nets.losses(nets.trainer(backend, in_flight=1), images, labels)
    np.testing.assert_array_equal(one, two)
    t = nets.trainer(backend)
    waited = []
    for i in range(10):
        start = (i * 16) % 49
        waited.append(t.train_step(images[start : start + 16], labels[start : start + 16]).loss)
    np.testing.assert_array_equal(np.stack(waited), two)


def test_arrays_may_be_reused_as_soon_as_train_step_returns(backend: str) -> None:
    images, labels = nets.data(64)
    expected = nets.losses(nets.trainer(backend), images, labels, 4)
    t, buffer, steps = nets.trainer(backend), np.empty((16, 8, 8, 1), np.float32), []
    for i in range(4):
        start = (i * 16) % 49
        buffer[:] = images[start : start + 16]
        steps.append(t.train_step(buffer, labels[start : start + 16]))
        buffer[:] = np.nan
    np.testing.assert_array_equal(np.stack([s.loss for s in steps]), expected)


@pytest.mark.parametrize("norm", [False, True])
def test_a_partial_batch_trains_as_a_batch_of_its_own_size(backend: str, norm: bool) -> None:
    """Padding must reach neither loss, gradient nor statistics: compare with batch=5."""
    images, labels = nets.data(5)
    options = {"norm": norm, "dropout": 0.0, "optimizer": mpsnn.SGD(0.1)}
    padded = nets.trainer(backend, batch=16, **options)
    exact = nets.trainer(backend, batch=5, **options)
    for _ in range(3):
        a, b = padded.train_step(images, labels).loss, exact.train_step(images, labels).loss
        assert a.shape == (5,)
        np.testing.assert_allclose(a, b, rtol=1e-5)  # float32, summed in another order
    for name, value in exact.state_dict().items():
        np.testing.assert_allclose(
            padded.state_dict()[name], value, rtol=1e-4, atol=1e-6, err_msg=name
        )


def test_a_single_image_trains_and_infers(backend: str) -> None:
    images, labels = nets.data(1)
    t = nets.trainer(backend)
    assert t.train_step(images, labels).loss.shape == (1,)
    assert t.infer(images).shape == (1, 4)


def test_inference_takes_any_number_of_images(backend: str) -> None:
    images, labels = nets.data(71)
    t = nets.trainer(backend)
    whole = t.infer(images)
    for n in (1, 2, 3, 15, 16, 17, 33, 70):
        np.testing.assert_allclose(t.infer(images[:n]), whole[:n], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(t.evaluate(images, labels).losses,
                               [t.evaluate(images[i:i + 1], labels[i:i + 1]).loss
                                for i in range(71)], rtol=1e-4, atol=1e-6)  # fmt: skip


def test_weights_scale_the_loss_of_their_image(backend: str) -> None:
    images, labels = nets.data(4)
    weights = np.array([0, 1, 2, 0.5], np.float32)
    plain = nets.trainer(backend, dropout=0.0).train_step(images, labels).loss
    weighted = nets.trainer(backend, dropout=0.0).train_step(images, labels, weights).loss
    np.testing.assert_allclose(weighted, weights * plain, rtol=1e-6)


def test_indices_and_one_hot_distributions_are_the_same_labels(backend: str) -> None:
    images, labels = nets.data(16)
    one_hot = np.eye(4, dtype=np.float32)[labels]
    by_index = nets.losses(nets.trainer(backend), images, labels, 3)
    by_distribution = nets.losses(nets.trainer(backend), images, one_hot, 3)
    np.testing.assert_array_equal(by_index, by_distribution)


def test_uint8_images_are_scaled_on_the_device(backend: str, rng) -> None:
    pixels = rng.integers(256, size=(8, 4, 4, 1), dtype=np.uint8)
    losses = []
    for dtype, images in (("uint8", pixels), ("float32", (pixels / 255 - 0.5).astype("f4"))):
        g = Graph()
        scale = {"scale": 1 / 255, "offset": -0.5} if dtype == "uint8" else {}
        x = g.input(4, 4, 1, dtype=dtype, **scale)
        loss = g.softmax_cross_entropy(layers.Dense(3, name="d")(x), g.labels(3))
        t = mpsnn.Trainer(loss, batch=8, backend=backend)
        losses.append(t.train_step(images, np.arange(8) % 3).loss)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_running_statistics_follow_the_batches(backend: str, rng) -> None:
    g = Graph()
    x = g.input(5)
    y = layers.BatchNorm(momentum_keep=0.8, name="norm")(x)
    loss = g.softmax_cross_entropy(layers.Dense(2)(y), g.labels(2))
    t = mpsnn.Trainer(loss, y, batch=8, backend=backend)
    mean, variance = np.zeros(5), np.ones(5)
    for n in (8, 8, 3):  # the last batch is partial
        images = (3 + 2 * rng.standard_normal((n, 5))).astype(np.float32)
        t.train_step(images, np.zeros(n, np.int32))
        mean = 0.8 * mean + 0.2 * images.mean(axis=0)
        variance = 0.8 * variance + 0.2 * images.var(axis=0)
    state = t.state_dict()
    np.testing.assert_allclose(state["norm.running_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(state["norm.running_var"], variance, rtol=1e-5)
    gamma, beta = state["norm.gamma"], state["norm.beta"]
    expected = (images - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(t.infer(images), expected, rtol=1e-4, atol=1e-5)


def test_frozen_parameters_do_not_change(backend: str) -> None:
    g = Graph()
    y = layers.Dense(6, trainable=False, name="frozen")(g.input(8, 8, 1))
    loss = g.softmax_cross_entropy(layers.Dense(4, name="free")(g.relu(y)), g.labels(4))
    t = mpsnn.Trainer(loss, batch=16, backend=backend)
    before = t.state_dict()
    nets.losses(t, *nets.data(64), steps=3)
    for name, value in t.state_dict().items():
        assert (value == before[name]).all() == name.startswith("frozen"), name


def test_a_non_finite_loss_fails_its_step_alone_and_changes_nothing(backend: str) -> None:
    images, labels = nets.data(48)
    t = nets.trainer(backend, norm=True)
    expected = nets.losses(nets.trainer(backend, norm=True), images, labels, 2)
    np.testing.assert_array_equal(t.train_step(images[:16], labels[:16]).loss, expected[0])
    before = t.state_dict()
    weights = np.ones(16, np.float32)
    weights[3] = np.inf
    step = t.train_step(images[:16], labels[:16], weights)
    # metal weighs every class of an image, and 0 * inf is no number.
    loss = "-?nan" if backend == "metal" else "inf"
    message = f"loss: image 3 of the batch has loss {loss}; the step changed no weight"
    with pytest.raises(NumericError, match=message):
        step.wait()
    with pytest.raises(NumericError):
        _ = step.loss  # at every call
    assert t.step == 1
    for name, value in t.state_dict().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    np.testing.assert_array_equal(t.train_step(images[16:32], labels[16:32]).loss, expected[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_image_that_is_not_finite_is_refused(backend: str, bad: float) -> None:
    images, labels = nets.data(16)
    images[5, 2, 3] = bad
    t = nets.trainer(backend)
    with pytest.raises(NumericError, match=f"images: image 5 of the batch has a value {bad}"):
        t.train_step(images, labels)
    assert t.step == 0
    assert np.isfinite(t.state_dict()["conv2d_1.weight"]).all()


@pytest.mark.parametrize("optimizer", [mpsnn.SGD(), mpsnn.SGD(momentum=0.9), mpsnn.RMSProp(),
                                       mpsnn.Adam()], ids=str)  # fmt: skip
def test_a_gradient_that_is_not_finite_reaches_no_weight(backend: str, optimizer) -> None:
    # inf - inf in the second layer is a NaN, which relu hides from the loss as a 0; the
    # gradient of its weight is 0 * inf.
    if backend in ("reference", "metal"):
        pytest.skip("float64 does not overflow here, and its relu keeps a NaN")
    g = Graph()

    def weight(name: str, *values: list[float]) -> mpsnn.Value:
        array = np.array(values, np.float32)
        return g.parameter(*array.shape, source=mpsnn.ArraySource(weight=array), name=name)

    y = g.relu(g.dense(g.input(1), weight("huge", [1e38], [1e38])))
    y = g.relu(g.dense(y, weight("middle", [1, -1], [1, -1])))
    logits = g.dense(y, weight("last", [1, 1], [0, 0]))
    t = mpsnn.Trainer(
        g.softmax_cross_entropy(logits, g.labels(2)), optimizer=optimizer, batch=1, backend=backend
    )
    step = t.train_step(np.full((1, 1), 9, np.float32), np.zeros(1, int))
    with pytest.raises(NumericError, match="gradient of middle is not finite; the step stopped"):
        step.wait()
    assert all(np.isfinite(v).all() for v in t.state_dict().values())
    assert t.step == 0


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_gradient_that_overflows_reaches_no_weight(backend: str, clip: float) -> None:
    if backend == "reference":
        pytest.skip("float64 does not overflow here")
    g = Graph()
    zero = mpsnn.ArraySource(weight=np.zeros((2, 3), np.float32))
    flat = g.dense(g.input(3), g.parameter(2, 3, source=zero, name="flat"))
    optimizer = mpsnn.SGD(clip_norm=clip) if clip else mpsnn.SGD()
    loss = g.softmax_cross_entropy(g.linear(flat, 1e30), g.labels(2))
    with mpsnn.Trainer(loss, optimizer=optimizer, batch=2, backend=backend) as t:
        step = t.train_step(np.full((2, 3), 1e30, np.float32), np.array([0, 0]))
        with pytest.raises(NumericError, match="gradient of flat is not finite; the step stopped"):
            step.wait()
        assert (t.state_dict()["flat"] == 0).all()
        assert t.step == 0


def test_nan_policy_propagate_trains_on(backend: str) -> None:
    g = Graph()
    loss = g.softmax_cross_entropy(layers.Dense(4, name="d")(g.input(8, 8, 1)), g.labels(4))
    t = mpsnn.Trainer(loss, batch=16, backend=backend, nan_policy="propagate")
    images, labels = nets.data(16)
    assert np.isnan(t.train_step(images * np.nan, labels).loss).all()
    assert np.isnan(t.state_dict()["d.weight"]).all()


def test_dropout_keeps_the_mean_and_differs_by_step(backend: str) -> None:
    g = Graph()
    x = g.input(4096)
    y = g.dropout(x, 0.3)
    exe = mpsnn._core.compile(g.core, batch=4, outputs=[y.id], backend=backend, seed=3)
    ones = np.ones((4, 4096), np.float32)
    values = exe.run(4, [(x.id, ones)], [y.id])[0]
    kept = values != 0
    np.testing.assert_allclose(values[kept], 1 / 0.7, rtol=1e-6)
    # 16,384 draws: five standard deviations are 0.018
    assert abs(kept.mean() - 0.7) < 0.018
    exe.session.write({}, mpsnn._core.Progress(1, 3, mpsnn._core.LossScale()))
    assert (exe.run(4, [(x.id, ones)], [y.id])[0] != values).any()
    exe.session.write({}, mpsnn._core.Progress(0, 3, mpsnn._core.LossScale()))
    np.testing.assert_array_equal(exe.run(4, [(x.id, ones)], [y.id])[0], values)


def test_dropout_masks_are_the_same_on_every_backend() -> None:
    masks = []
    for backend in mpsnn.backend_names():
        g = Graph()
        x = g.input(1003)
        y = g.dropout(x, 0.5)
        exe = mpsnn._core.compile(g.core, batch=3, outputs=[y.id], backend=backend, seed=2**63)
        masks.append(exe.run(3, [(x.id, np.ones((3, 1003), np.float32))], [y.id])[0] != 0)
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


@pytest.mark.parametrize("fast", [n for n in mpsnn.backend_names() if n != "reference"])
def test_twenty_steps_follow_the_reference(fast: str) -> None:
    images, labels = nets.data(64)
    runs = [nets.losses(nets.trainer(b, norm=True, optimizer=mpsnn.SGD(0.05, momentum=0.9)),
                        images, labels, 20) for b in (fast, "reference")]  # fmt: skip
    # float32 against float64; the steps amplify a rounding error of 1e-7 about 100 times
    np.testing.assert_allclose(*runs, rtol=2e-3, atol=1e-4)


def test_several_inputs_are_bound_by_name_or_value(backend: str, rng) -> None:
    g = Graph()
    a, b = g.input(3, name="a"), g.input(2, name="b")
    logits = layers.Dense(2)(g.concat([a, b]))
    t = mpsnn.Trainer(
        g.softmax_cross_entropy(logits, g.labels(2)), logits, batch=4, backend=backend
    )
    x, y = rng.random((4, 3), np.float32), rng.random((4, 2), np.float32)
    np.testing.assert_array_equal(t.infer({"a": x, "b": y}), t.infer({b: y, a: x}))
    assert t.train_step({"a": x, "b": y}, np.zeros(4, int)).loss.shape == (4,)
