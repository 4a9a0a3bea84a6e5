from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import mpsnn
from mpsnn import initializers, layers

WEIGHT = (3, 4)


def trainer_of(layer: layers.Dense, backend: str = "reference", **options: Any) -> mpsnn.Trainer:
    """A dense layer from 4 numbers to 3 classes."""
    net = mpsnn.Graph()
    x, label = net.input(4), net.labels(3)
    y = layer(x)
    options = {"optimizer": mpsnn.SGD(0.5), "batch": 2, "backend": backend, **options}
    return mpsnn.Trainer(net.softmax_cross_entropy(y, label), y, **options)


class Recorder(mpsnn.DataSource):
    """Notes every call."""

    def __init__(self, log: list[str], name: str, values: float = 0.0) -> None:
        self.log, self.name, self.values = log, name, values

    def load(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
        self.log.append(f"{self.name} load {dict(shapes)}")
        return {name: np.full(shape, self.values, np.float32) for name, shape in shapes.items()}

    def purge(self) -> None:
        self.log.append(f"{self.name} purge")


class Frozen(Recorder):
    """Replaces the optimizer by a rule that does nothing."""

    def update(self, gradient: Mapping[str, Any], source: Mapping[str, Any]) -> None:
        self.log.append(f"{self.name} update {sorted(gradient)} {sorted(source)}")


class Descent(Recorder):
    """Replaces the optimizer by plain gradient descent."""

    def update(self, gradient: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
        return {name: source[name] - 0.5 * gradient[name] for name in source}


def test_each_layer_is_loaded_once_and_purged_before_the_next(backend: str) -> None:
    log: list[str] = []
    net = mpsnn.Graph()
    x, label = net.input(4), net.labels(3)
    y = layers.Dense(3, source=Recorder(log, "second"))(
        layers.Dense(2, source=Recorder(log, "first"))(x)
    )
    assert log == [], "a source is asked only when there is a device to copy to"
    mpsnn.Trainer(net.softmax_cross_entropy(y, label), y, backend=backend).close()
    assert log == [
        "first load {'weight': (2, 4), 'bias': (2,)}",
        "first purge",
        "second load {'weight': (3, 2), 'bias': (3,)}",
        "second purge",
    ]


def test_the_update_of_a_source_replaces_the_optimizer(backend: str) -> None:
    images = np.ones((2, 4), np.float32)
    labels = np.array([0, 1])
    results = []
    for source in (Descent([], "own", 0.5), Recorder([], "optimizer's", 0.5)):
        with trainer_of(layers.Dense(3, source=source), backend) as trainer:
            for _ in range(3):
                trainer.train_step(images, labels).wait()
            results.append(trainer.state_dict())
    for name, value in results[0].items():
        # The same rule in numpy and on the device: equal up to rounding of float32.
        np.testing.assert_allclose(value, results[1][name], rtol=1e-6, atol=1e-7)
    assert not np.allclose(results[0]["dense_1.weight"], 0.5)


def test_an_update_that_returns_none_leaves_the_weights(backend: str) -> None:
    log: list[str] = []
    with trainer_of(layers.Dense(3, source=Frozen(log, "s", 0.25)), backend) as trainer:
        trainer.train_step(np.ones((2, 4), np.float32), np.array([0, 1])).wait()
        np.testing.assert_array_equal(trainer.state_dict()["dense_1.weight"], 0.25)
    assert log[-1] == "s update ['bias', 'weight'] ['bias', 'weight']"


def test_an_error_in_an_update_surfaces_from_the_step_and_the_trainer_stays_usable(
    backend: str,
) -> None:
    class Faulty(Frozen):
        def update(self, gradient: Mapping[str, Any], source: Mapping[str, Any]) -> None:
            raise ZeroDivisionError("my own mistake")

    with trainer_of(layers.Dense(3, source=Faulty([], "s", 0.25)), backend) as trainer:
        step = trainer.train_step(np.ones((2, 4), np.float32), np.array([0, 1]))
        with pytest.raises(ZeroDivisionError, match="my own mistake"):
            step.wait()
        assert trainer.infer(np.ones((1, 4), np.float32)).shape == (1, 3)


def test_arrays_are_what_the_network_starts_from(backend: str, rng: np.random.Generator) -> None:
    weight = rng.normal(size=WEIGHT).astype(np.float32)
    bias = rng.normal(size=3).astype(np.float32)
    x = rng.normal(size=(5, 4)).astype(np.float32)
    source = mpsnn.ArraySource(weight=weight, bias=bias)
    with trainer_of(layers.Dense(3, source=source), backend) as trainer:
        # Four products in float32, in another order.
        np.testing.assert_allclose(trainer.infer(x), x @ weight.T + bias, rtol=1e-5, atol=1e-6)


def test_an_array_that_does_not_fit_is_named() -> None:
    with pytest.raises(
        mpsnn.ShapeError, match=r"weight: must be C-contiguous float32, got float64; use numpy"
    ):
        mpsnn.ArraySource(weight=np.zeros(WEIGHT))  # type: ignore[arg-type]  # the point
    with pytest.raises(mpsnn.ShapeError, match="got float32 that is not C-contiguous"):
        mpsnn.ArraySource(weight=np.zeros((4, 3), np.float32).T)
    wrong = mpsnn.ArraySource(weight=np.zeros((3, 5), np.float32), bias=np.zeros(3, np.float32))
    with pytest.raises(mpsnn.ShapeError, match=r"weight must be \(3, 4\), got \(3, 5\)"):
        trainer_of(layers.Dense(3, source=wrong))
    lacking = mpsnn.ArraySource(weight=np.zeros(WEIGHT, np.float32))
    with pytest.raises(mpsnn.ShapeError, match=r"no array for bias \(3,\); it has weight"):
        trainer_of(layers.Dense(3, source=lacking))


def test_a_source_that_gives_the_wrong_thing_is_reported_with_the_tensor() -> None:
    class Wrong(Recorder):
        def load(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
            return {**super().load(shapes), "weight": np.zeros((2, 2), np.float32)}

    log: list[str] = []
    with pytest.raises(mpsnn.ShapeError, match=r"weight.*\(3, 4\).*\(2, 2\)"):
        trainer_of(layers.Dense(3, source=Wrong(log, "s")))
    assert log[-1] == "s purge", "what was loaded is released also after a failure"


def test_weights_come_from_a_file_when_they_are_asked_for(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "weights.safetensors"
    source = mpsnn.FileSource(path, "old.layer")
    layer = layers.Dense(3, source=source)
    weight = rng.normal(size=WEIGHT)
    save_file({"old.layer.weight": weight, "old.layer.bias": np.ones(3, np.float16)}, path)
    with trainer_of(layer) as trainer:
        state = trainer.state_dict()
    np.testing.assert_array_equal(state["dense_1.weight"], weight.astype(np.float32))
    np.testing.assert_array_equal(state["dense_1.bias"], 1)


def test_a_file_without_the_right_tensor_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a.weight": np.zeros((3, 5), np.float32), "b.weight": np.zeros(WEIGHT, int)}, path)
    shapes = {"weight": WEIGHT}
    with pytest.raises(
        mpsnn.ShapeError, match=r"weights.safetensors: a.weight must be \(3, 4\), got \(3, 5\)"
    ):
        mpsnn.FileSource(path, "a").load(shapes)
    with pytest.raises(mpsnn.ShapeError, match=r"b\.weight must be floating point, got int64"):
        mpsnn.FileSource(path, "b").load(shapes)
    with pytest.raises(mpsnn.ShapeError, match=r"no tensor 'c.weight'"):
        mpsnn.FileSource(path, "c").load(shapes)
    path.write_text("not weights")
    with pytest.raises(mpsnn.Error, match=r"weights.safetensors: not a safetensors file"):
        mpsnn.FileSource(path, "a").load(shapes)
    with pytest.raises(FileNotFoundError):
        mpsnn.FileSource(tmp_path / "none", "a").load(shapes)


def test_a_seed_repeats_the_weights_and_neither_order_nor_neighbours_change_them() -> None:
    def weights(seed: int, name: str, shapes: dict[str, tuple[int, ...]]) -> NDArray[np.float32]:
        return mpsnn.InitializerSource(seed=seed, name=name).load(shapes)["weight"]

    both = {"bias": (3,), "weight": WEIGHT}
    first = weights(1, "a", both)
    np.testing.assert_array_equal(first, weights(1, "a", {"weight": WEIGHT}))
    assert not np.array_equal(first, weights(2, "a", both))
    assert not np.array_equal(first, weights(1, "b", both))


def test_a_tensor_without_initialiser_is_named() -> None:
    with pytest.raises(mpsnn.ShapeError, match=r"none for gamma \(2,\); it has weight, bias"):
        mpsnn.InitializerSource().load({"gamma": (2,)})


CONV = (16, 5, 3, 8)  # (O, K.h, K.w, I): fan_in 120, fan_out 240


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (mpsnn.GlorotUniform(), 2 / 360),
        (mpsnn.GlorotNormal(), 2 / 360),
        (mpsnn.HeUniform(), 2 / 120),
        (mpsnn.HeNormal(), 2 / 120),
        (mpsnn.Uniform(-0.3, 0.3), 0.03),
    ],
)
def test_an_initialiser_has_the_variance_of_its_paper(
    initializer: initializers.Initializer, variance: float, rng: np.random.Generator
) -> None:
    values = initializer(CONV, rng)
    assert values.dtype == np.float32
    # 1920 draws: the deviation of the variance is at most 3.2 %, of the mean 1/44 of one.
    assert np.var(values) == pytest.approx(variance, rel=0.15)
    assert abs(np.mean(values)) < 0.1 * np.sqrt(variance)


def test_fans_count_the_terms_of_an_output_and_the_readers_of_an_input() -> None:
    assert initializers.fans(CONV) == (120, 240)
    assert initializers.fans((3, 4)) == (4, 3)
    with pytest.raises(mpsnn.ShapeError, match=r"shape \(3,\) has no fan"):
        mpsnn.HeNormal()((3,), np.random.default_rng(0))
