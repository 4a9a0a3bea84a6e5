"""Profiles: what nodes are counted with, and that a profile changes nothing."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Value, io, layers, models, peaks

KERNEL_BACKENDS = [name for name in mpsnn.backend_names() if name != "metal"]
IMAGES, LABELS = nets.data(16)


@pytest.fixture(params=KERNEL_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks of 2 GFLOP/s and 4 GB/s, which take no time."""
    monkeypatch.setattr(peaks, "product_gflops", lambda *_: 2.0)
    monkeypatch.setattr(peaks, "copy_gigabytes", lambda *_: 4.0)


def flops(profile: mpsnn.Profile) -> Mapping[str, list[int]]:
    """Of the nodes of each op that have any, in the order in which they run."""
    found: dict[str, list[int]] = defaultdict(list)
    for node in profile.nodes:
        if node.flops:
            found[node.op].append(node.flops)
    return found


def test_the_flops_of_the_digits_net_are_those_counted_by_hand() -> None:
    g = Graph()
    net = models.digits(g)
    t = mpsnn.Trainer(
        g.softmax_cross_entropy(net.logits, net.labels), batch=2, backend=KERNEL_BACKENDS[0]
    )
    first, second = 2 * 2 * 28 * 28 * 32 * 25, 2 * 2 * 14 * 14 * 64 * 25 * 32
    wide, narrow = 2 * 2 * 3136 * 1024, 2 * 2 * 1024 * 10
    assert flops(t.profile(1)) == {
        "conv2d": [first, second],
        "dense": [wide, narrow],
        "dense_gradient": [2 * narrow, 2 * wide],
        "conv2d_gradient": [2 * second, first],  # nobody wants the gradient of the images
    }


def test_the_flops_of_an_lstm_are_those_counted_by_hand(backend: str) -> None:
    g = Graph()
    x, labels = g.input(5, 3), g.labels(2)
    y = layers.LSTM(4, return_sequences=False)(g.tanh(g.multiply(x, g.parameter(3))))
    t = mpsnn.Trainer(g.softmax_cross_entropy(layers.Dense(2)(y), labels), batch=2, backend=backend)
    found = flops(t.profile(1, np.ones((2, 5, 3), np.float32), np.array([0, 1])))
    inputs, states = 2 * 2 * 5 * 16 * 3, 2 * 2 * 5 * 16 * 4
    assert found["lstm"] == [inputs + states]
    # Of x and of the weights; of the recurrent weights; and back through the states.
    assert found["lstm_gradient"] == [2 * inputs + 2 * states]


Network = Callable[[Graph, Value], Value]

PRODUCTS: dict[str, tuple[Network, str, int]] = {
    # The ops after x (4, 6, 8) times a parameter; and the multiply-adds of an image.
    "groups": (lambda g, x: layers.Conv2d(4, 3, groups=2)(x), "conv2d", 4 * 6 * 4 * 9 * 4),
    "transposed": (
        lambda g, x: layers.ConvTranspose2d(6, 3, stride=2)(x),
        "conv_transpose2d",
        4 * 6 * 8 * 9 * 6,
    ),
    "matmul": (lambda g, x: g.matmul(x, x, transpose_b=True), "matmul", 4 * 6 * 8 * 6),
    "gram": (lambda g, x: g.gram_matrix(x), "gram_matrix", 24 * 8 * 8),
}


@pytest.mark.parametrize("case", PRODUCTS)
def test_a_gradient_counts_one_product_for_each_that_it_computes(case: str, backend: str) -> None:
    build, op, once = PRODUCTS[case]
    g = Graph()
    x, labels = g.input(4, 6, 8), g.labels(3)
    y = layers.Dense(3)(build(g, g.multiply(x, g.parameter(8))))
    t = mpsnn.Trainer(g.softmax_cross_entropy(y, labels), batch=2, backend=backend)
    found = flops(t.profile(1))
    assert found[op] == [2 * 2 * once]
    assert found[f"{op}_gradient"] == [2 * 2 * once * (1 if op == "gram_matrix" else 2)]


def test_bytes_are_those_of_what_a_node_reads_and_writes(backend: str) -> None:
    t = nets.trainer(backend, batch=16)
    size = 8 if backend == "reference" else 4
    found = {(n.op, n.label): n.bytes for n in t.profile(1).nodes}
    conv = 16 * 8 * 8 * 1 + 6 * 9 + 6 + 16 * 8 * 8 * 6
    assert found["conv2d", "conv2d_1"] == size * conv
    weight = 4 * 96
    # The weight and two moments are read and written, the gradient and the rate read.
    assert found["adam", "dense_1.weight"] == size * (7 * weight + 1)
    assert found["input", "images"] == 16 * 64 * (4 + size)


@pytest.mark.skipif("cpu" not in KERNEL_BACKENDS, reason="needs the backend cpu")
def test_bytes_of_bfloat16_are_half_and_its_products_have_a_peak_of_their_own() -> None:
    t = nets.trainer("cpu", precision="bfloat16")
    (conv,) = [n for n in t.profile(1).nodes if n.op == "conv2d"]
    assert conv.limit == "bfloat16"
    assert conv.bytes == 2 * (16 * 64 + 16 * 64 * 6) + 4 * (6 * 9 + 6)


def test_what_is_in_its_place_already_has_no_bytes() -> None:
    found = {}
    for backend in KERNEL_BACKENDS:
        g = Graph()
        x = g.relu(g.input(4, 4, 16))
        joined = g.concat([g.max_pool2d(x, 3, stride=1, padding="same"), g.relu(x)])
        p = mpsnn.Predictor(g.reshape(joined, 8, 64), batch=2, backend=backend)
        nodes = {n.op: n for n in p.profile(1).nodes}
        found[backend] = nodes["concat"].bytes if "concat" in nodes else 0
        assert "reshape" not in nodes or nodes["reshape"].bytes == 0
    assert found.pop("reference") == 2 * 8 * 2 * 16 * 32
    assert all(size < 2 * 4 * 2 * 16 * 32 for size in found.values())


def test_every_node_that_runs_has_a_row_and_its_shares_sum_to_1(backend: str) -> None:
    t = nets.trainer(backend, norm=True)
    profile = t.profile(3, IMAGES, LABELS)
    assert [(n.node, n.implementation) for n in profile.nodes] == t.implementations()
    assert {n.calls for n in profile.nodes} == {3}
    assert sum(n.share for n in profile.nodes) == pytest.approx(1, abs=1e-12)
    assert (profile.backend, profile.batch, profile.steps) == (backend, 16, 3)
    assert profile.memory == t.memory_report()
    assert profile.compile_seconds == t.compile_seconds > 0
    for n in profile.nodes:
        if n.flops:
            assert n.gflops == pytest.approx(n.flops / n.seconds / 1e9)
            assert n.percent_of_peak == pytest.approx(100 * (n.gflops or 0) / 2)
        elif n.bytes and n.seconds:
            assert n.limit == "copy"
            assert n.percent_of_peak == pytest.approx(100 * n.bytes / n.seconds / 4e9)


def test_a_profile_prints_the_slowest_nodes_first_and_becomes_json(backend: str) -> None:
    profile = nets.trainer(backend).profile(2)
    text = profile.table(limit=4)
    slowest = sorted(profile.nodes, key=lambda n: -n.share)
    lines = text.splitlines()
    assert slowest[0].op in lines[4]
    assert f"{len(slowest) - 4} more" in text
    assert "peaks here: 2 GFLOP/s float32, 4.0 GB/s copy" in text
    assert "compiled in" in text
    assert "more" not in profile.table(limit=None)
    assert str(profile).startswith("2 steps of 16 images on ")
    found = json.loads(profile.to_json())
    assert found == json.loads(json.dumps(profile.as_dict()))
    assert [n["node"] for n in found["nodes"]] == [n.node for n in profile.nodes]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_profile_changes_no_bit_of_the_training(
    accumulate: int, backend: str, tmp_path: Path
) -> None:
    trainers = [
        nets.trainer(
            backend,
            norm=True,
            accumulate=accumulate,
            optimizer=mpsnn.Adam(mpsnn.schedules.CosineDecay(1e-2, 9)),
        )
        for _ in range(2)
    ]
    profiled, plain = trainers
    for t in trainers:
        nets.losses(t, IMAGES, LABELS, 3)
    profiled.save(tmp_path / "before")
    profiled.profile(3)
    profiled.profile(2, IMAGES[:5], LABELS[:5])
    profiled.save(tmp_path / "after")
    (before, state), (after, same) = (io.read_file(tmp_path / n) for n in ("before", "after"))
    assert state == same
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])
    assert profiled.step == 3
    assert profiled.learning_rate == plain.learning_rate
    expected = nets.losses(plain, IMAGES, LABELS, 4)
    np.testing.assert_array_equal(nets.losses(profiled, IMAGES, LABELS, 4), expected)
    for name, value in plain.state_dict().items():
        np.testing.assert_array_equal(profiled.state_dict()[name], value)


def test_other_threads_train_on_while_a_profile_is_made(backend: str) -> None:
    profiled, plain = nets.trainer(backend), nets.trainer(backend)
    other = threading.Thread(target=nets.losses, args=(profiled, IMAGES, LABELS, 20))
    other.start()
    for _ in range(5):
        profiled.profile(1, IMAGES, LABELS)
    other.join()
    nets.losses(plain, IMAGES, LABELS, 20)
    assert profiled.step == 20
    for name, value in plain.state_dict().items():
        np.testing.assert_array_equal(profiled.state_dict()[name], value)


def test_an_inference_is_profiled_too(backend: str) -> None:
    t = nets.trainer(backend)
    p = mpsnn.Predictor(t._outputs[0], weights=t, batch=8)
    profile = p.profile(2, IMAGES[:8])
    assert (profile.batch, profile.compile_seconds) == (8, None)
    assert profile.memory == p.memory_report()
    assert profile.memory["parameter_bytes"] > 0
    assert flops(profile) == {"conv2d": [2 * 8 * 64 * 6 * 9], "dense": [2 * 8 * 96 * 4]}
    assert "adam" not in str(profile)
    with pytest.raises(mpsnn.ShapeError, match="runs must be from 1"):
        p.profile(0)


class Own(mpsnn.ArraySource):
    """Counts what it is asked for."""

    updates = 0

    def update(self, gradient: object, source: object) -> None:
        self.updates += 1


def test_what_cannot_be_profiled_is_refused_and_changes_nothing(backend: str) -> None:
    t = nets.trainer(backend)
    with pytest.raises(mpsnn.ShapeError, match="profile: steps must be from 1"):
        t.profile(0)
    with pytest.raises(TypeError, match="profile: steps must be an integer"):
        t.profile(1.5)  # type: ignore[arg-type]
    with pytest.raises(mpsnn.ShapeError, match="images"):
        t.profile(1, IMAGES[:, :4], LABELS)
    with pytest.raises(mpsnn.ShapeError, match="labels"):
        t.profile(1, IMAGES)
    with pytest.raises(mpsnn.ShapeError, match="images: batch must be 1 to 16"):
        t.profile(1, np.concatenate([IMAGES, IMAGES]), np.concatenate([LABELS, LABELS]))
    assert t.step == 0
    t.close()
    with pytest.raises(mpsnn.Error, match="trainer: is closed"):
        t.profile(1)
    g = Graph()
    x, labels = g.input(4), g.labels(2)
    source = Own(weight=np.ones((2, 4), np.float32))
    y = g.dense(x, g.parameter(2, 4, source=source))
    with pytest.raises(mpsnn.UnsupportedError, match="a data source that updates itself"):
        mpsnn.Trainer(g.softmax_cross_entropy(y, labels), backend=backend).profile(1)
    assert source.updates == 0


def test_data_that_a_network_cannot_take_asks_for_data_that_it_can(backend: str) -> None:
    g = Graph()
    x, length, labels = g.input(5, 3), g.input(name="length"), g.labels(2)
    y = layers.LSTM(4, return_sequences=False).unroll(x, lengths=length).y
    t = mpsnn.Trainer(g.softmax_cross_entropy(layers.Dense(2)(y), labels), batch=2, backend=backend)
    with pytest.raises(mpsnn.Error, match=r"profile: .* pass your own: lstm: lengths must be"):
        t.profile(1)
    images = {x: np.ones((2, 5, 3), np.float32), length: np.array([5, 2], np.float32)}
    assert t.profile(1, images, np.array([0, 1])).nodes


@pytest.mark.skipif("metal" not in mpsnn.backend_names(), reason="needs the backend metal")
def test_metal_says_that_it_does_not_time_nodes() -> None:
    with pytest.raises(mpsnn.UnsupportedError, match="profile: backend 'metal' hands whole graphs"):
        nets.trainer("metal").profile(1)


def test_the_peak_is_measured_by_the_engine(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(peaks, "SIZES", (16, 32))
    monkeypatch.setattr(peaks, "COPIED", 2**16)
    try:
        found = mpsnn.machine_peak(backend, threads=1)
        assert found["gflops"] > 0
        assert found["gigabytes"] > 0
        assert mpsnn.machine_peak(backend, threads=1) == found, "it is measured once"
    finally:
        peaks.product_gflops.cache_clear()
        peaks.copy_gigabytes.cache_clear()
    with pytest.raises(mpsnn.UnsupportedError, match="no 'tpu'"):
        mpsnn.machine_peak("tpu")
