from __future__ import annotations

import os

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, models


def test_the_digits_arena_is_well_under_the_sum_of_its_values(backend: str) -> None:
    g = Graph()
    net = models.digits(g)
    loss = g.softmax_cross_entropy(net.logits, net.labels)
    t = mpsnn.Trainer(loss, batch=64, backend=backend)
    report = t.memory_report()
    assert report["arena_bytes"] <= 0.7 * report["unshared_bytes"]
    weights = 32 * 25 + 32 + 64 * 25 * 32 + 64 + 1024 * 3136 + 1024 + 10240 + 10
    size = 8 if backend == "reference" else 4
    assert report["parameter_bytes"] == size * weights
    assert report["state_bytes"] == 2 * size * weights  # Adam's two moments


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_inference_reads_images_where_they_lie(backend: str, dtype: str) -> None:
    if backend == "metal":
        pytest.skip("Metal reads the host's memory by buffers of its own")
    g = Graph()
    x = g.input(7, dtype=dtype)
    p = mpsnn.Predictor(g.relu(x), batch=4, backend=backend)
    data = np.arange(28).reshape(4, 7).astype(dtype)
    for images in (data, data[:3]):
        np.testing.assert_array_equal(p.infer(images), images)
    assert p.memory_report()["staging_bytes"] == 0
    # What cannot be read there is copied: its numbers lie across the words of the machine.
    if dtype == "float32":
        shifted = np.frombuffer(b"\0" + data.tobytes(), "u1")[1:].view(np.float32).reshape(4, 7)
        np.testing.assert_array_equal(p.infer(shifted), data)


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_resident_memory_is_flat_over_many_steps() -> None:
    t = nets.trainer(None)
    images, labels = nets.data(16)

    def steps(n: int) -> None:
        for _ in range(n):
            step = t.train_step(images, labels)
        step.wait()

    steps(500)
    before = resident()
    steps(3000)  # the benchmark `memory` runs 20,000
    assert resident() - before < 1 << 20


def test_fusion_leaves_no_relu_and_moves_its_gradient_behind_the_pool() -> None:
    loss, _ = nets.small(dropout=0)
    graph = mpsnn._core.training_graph(loss.graph.core, loss.id, mpsnn.SGD().core())
    fused = mpsnn._core.fuse(graph, [loss.id])
    before, after = graph.print(), fused.print()
    assert " relu(" in before
    assert " relu(" not in after
    assert "activation=relu" in after
    assert after.index("relu_gradient") < after.index("max_pool2d_gradient")
    assert before.index("relu_gradient") > before.index("max_pool2d_gradient")
    assert "(4, 4, 6)" in next(line for line in after.splitlines() if "relu_gradient" in line)


def test_fusion_puts_relu_and_its_gradient_into_batch_norm() -> None:
    loss, _ = nets.small(dropout=0, norm=True)
    graph = mpsnn._core.training_graph(loss.graph.core, loss.id, mpsnn.SGD().core())
    after = mpsnn._core.fuse(graph, [loss.id]).print()
    assert "relu(" not in after
    assert "relu_gradient" not in after
    lines = [line for line in after.splitlines() if "= batch_norm" in line]
    assert len(lines) == 2
    assert all("activation=relu" in line for line in lines)


def test_a_value_that_is_read_elsewhere_is_not_fused_away() -> None:
    g = Graph()
    x = g.input(4, 4, 2)
    y = g.conv2d(x, g.parameter(3, 3, 3, 2))
    z = g.relu(y)
    assert " relu(" in mpsnn._core.fuse(g.core, [y.id, z.id]).print()
    assert " relu(" not in mpsnn._core.fuse(g.core, [z.id]).print()


def test_dead_nodes_go_and_values_keep_their_numbers() -> None:
    g = Graph()
    x = g.input(4)
    y, dead = g.relu(x), g.softmax(x)
    assert "softmax" in str(g)
    alive = mpsnn._core.eliminate_dead(g.core, [y.id])
    assert "softmax" not in alive.print()
    assert alive.has(y.id)
    assert not alive.has(dead.id)


def test_inference_drops_dropout_and_uses_running_statistics() -> None:
    loss, probabilities = nets.small(norm=True)
    text = mpsnn._core.inference_graph(loss.graph.core, [probabilities.id]).print()
    assert "dropout(" not in text
    assert "softmax_cross_entropy" not in text
    assert "training" in next(line for line in text.splitlines() if "= batch_norm(" in line)


def test_printing_has_one_line_per_node() -> None:
    loss, _ = nets.small()
    lines = str(loss.graph).splitlines()
    assert len(lines) == loss.graph.core.node_count
    assert lines[0] == "%0 = input() dtype=float32 'images'  # (8, 8, 1) float32"
