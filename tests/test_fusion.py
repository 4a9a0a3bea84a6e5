"""Neurons at the end of other ops: what is fused, by the printed graph, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mpsnn
from mpsnn import Graph, Trainer, Value, _core, layers

pytestmark = pytest.mark.skipif(
    "cpu" not in mpsnn.backend_names(), reason="the reference fuses nothing"
)

# Method and parameters; whether training fuses it too: its gradient needs only the result.
NEURONS: list[tuple[str, tuple[float, ...], bool]] = [
    ("relu", (), True),
    ("leaky_relu", (0.2,), True),
    ("relu6", (), True),
    ("sigmoid", (), True),
    ("hard_sigmoid", (), True),
    ("tanh", (), True),
    ("elu", (), True),
    ("linear", (0.5, -1.0), True),
    ("clamp", (-0.5, 0.5), True),
    ("abs", (), False),
    ("softplus", (), False),
    ("gelu", (), False),
    ("silu", (), False),
]
HE = mpsnn.HeUniform()
CHEAP = ("relu", "leaky_relu", "relu6", "hard_sigmoid", "linear", "clamp", "abs")
BEFORE = {
    "conv2d": lambda x: layers.Conv2d(8, 3)(x),
    "depthwise": lambda x: layers.Conv2d(8, 3, groups=8)(x),
    "conv_transpose2d": lambda x: layers.ConvTranspose2d(8, 3)(x),
    "conv_transpose2d by own loops": lambda x: x.graph.conv_transpose2d(
        x,
        x.graph.parameter(8, 2, 2, 8, source=mpsnn.InitializerSource(seed=2, weight=HE)),
        padding="valid",
        dilation=2,
        output_padding=1,
    ),
    "half": lambda x: layers.Conv2d(8, 3, accumulator="half")(x),
    "dense": lambda x: layers.Dense(8)(x),
    "add": lambda x: x.graph.add(x, layers.Conv2d(8, 1)(x)),
}


def nodes(graph: _core.Graph, op: str) -> list[str]:
    return [line for line in graph.print().splitlines() if f" {op}(" in line]


def network(before: str, neuron: str, numbers: tuple[float, ...]) -> tuple[Value, Value]:
    """Its loss, and the result of the neuron."""
    net = Graph(seed=2)
    x = net.input(5, 6, 8)
    y = getattr(net, neuron)(BEFORE[before](x), *numbers)
    return net.softmax_cross_entropy(layers.Dense(3)(y), net.labels(3)), y


def results(
    loss: Value, y: Value, backend: str, images: NDArray[Any], classes: NDArray[Any]
) -> tuple[list[NDArray[Any]], _core.Graph]:
    options: dict[str, Any] = {"optimizer": mpsnn.SGD(0.1), "half_accumulators": True}
    with Trainer(loss, y, batch=4, backend=backend, **options) as trainer:
        losses = [trainer.train_step(images, classes).loss for _ in range(3)]
        return [*losses, trainer.infer(images), *trainer.state_dict().values()], trainer.graph


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("neuron", "numbers", "in_training"), NEURONS, ids=lambda v: str(v))
def test_a_neuron_becomes_the_end_of_the_op_before_it(
    before: str, neuron: str, numbers: tuple[float, ...], in_training: bool, rng
) -> None:
    images = rng.standard_normal((3, 5, 6, 8)).astype(np.float32)
    loss, y = network(before, neuron, numbers)
    ours, graph = results(loss, y, "cpu", images, np.array([0, 1, 2]))
    fused = before != "add" or neuron in CHEAP
    op = next(n.op for n in _core.nodes(loss.graph.core) if y.id in n.outputs)
    assert len(nodes(graph, op)) == (0 if fused and in_training else 1)
    ending = [line for line in graph.print().splitlines() if f"activation={op}" in line]
    assert len(ending) == (1 if fused and in_training else 0)
    expected, _ = results(
        *network(before, neuron, numbers), "reference", images, np.array([0, 1, 2])
    )
    for mine, reference in zip(ours, expected, strict=True):
        # float32 sums of up to 240 products, through three steps of training. In half a
        # difference in the last bit of a weight may move a sum by 2**-11.
        coarse = 10 if before == "half" else 1
        np.testing.assert_allclose(mine, reference, rtol=2e-4 * coarse, atol=5e-5 * coarse)


# A bit of the mask for each channel: parts of a byte, of a vector of 16, and several of those. Of a
# whole batch the mask is oneDNN's.
@pytest.mark.parametrize("channels", [3, 8, 15, 16, 37, 64])
@pytest.mark.parametrize("images", [3, 4])
def test_a_relu_at_the_end_of_batch_norm_stops_the_gradients_of_its_zeros(
    channels: int, images: int, rng
) -> None:
    net = Graph(seed=2)
    y = net.relu(layers.BatchNorm()(layers.Conv2d(channels, 3)(net.input(5, 6, 2))))
    loss = net.softmax_cross_entropy(layers.Dense(3)(net.flatten(y)), net.labels(3))
    x = rng.standard_normal((images, 5, 6, 2)).astype(np.float32)
    classes = np.arange(images) % 3
    ours, graph = results(loss, y, "cpu", x, classes)
    expected, _ = results(loss, y, "reference", x, classes)
    assert not nodes(graph, "relu_gradient")
    for mine, reference in zip(ours, expected, strict=True):
        # As above: float32, three steps.
        np.testing.assert_allclose(mine, reference, rtol=2e-4, atol=5e-5)


@pytest.mark.parametrize(("neuron", "numbers", "in_training"), NEURONS, ids=lambda v: str(v))
def test_inference_fuses_every_one_of_them(
    neuron: str, numbers: tuple[float, ...], in_training: bool
) -> None:
    _, y = network("conv2d", neuron, numbers)
    inference = _core.inference_graph(y.graph.core, [y.id])
    fused = _core.fuse(inference, [y.id])
    op = next(n.op for n in _core.nodes(y.graph.core) if y.id in n.outputs)
    assert nodes(inference, op)
    assert not nodes(fused, op)
    assert f"activation={op}" in fused.print()


def test_a_value_that_somebody_else_reads_is_not_fused_away() -> None:
    net = Graph()
    x = layers.Dense(4)(net.input(3))
    y = net.sigmoid(x)
    assert not nodes(_core.fuse(net.core, [y.id]), "sigmoid")
    assert nodes(_core.fuse(net.core, [x.id, y.id]), "sigmoid")
    both = net.add(x, y)
    assert nodes(_core.fuse(net.core, [both.id]), "sigmoid")


def normalized(slope: float, readers: int) -> tuple[Value, Value]:
    """batch_norm, leaky_relu, max_pool2d; and another reader of what goes into the pool."""
    net = Graph(seed=2)
    y = net.leaky_relu(layers.BatchNorm()(layers.Conv2d(8, 3)(net.input(5, 6, 8))), slope)
    p = net.max_pool2d(y, 2)
    z = net.concat([net.flatten(v) for v in (p, y)[:readers]])
    return net.softmax_cross_entropy(layers.Dense(3)(z), net.labels(3)), p


@pytest.mark.parametrize(
    ("slope", "readers", "moves"), [(0.2, 1, True), (-0.2, 1, False), (0.2, 2, False)]
)
def test_a_leaky_relu_moves_behind_the_pool(slope: float, readers: int, moves: bool, rng) -> None:
    images = rng.standard_normal((4, 5, 6, 8)).astype(np.float32)
    classes = np.array([0, 2, 1, 1], np.int32)
    loss, p = normalized(slope, readers)
    fused, graph = results(loss, p, "cpu", images, classes)
    plain, _ = results(loss, p, "reference", images, classes)
    ops = [line.split("= ")[1].split("(")[0] for line in graph.print().splitlines() if "= " in line]
    order = [
        op for op in ops if op in ("relu", "max_pool2d", "relu_gradient", "max_pool2d_gradient")
    ]
    expected = ["max_pool2d", "relu", "relu_gradient", "max_pool2d_gradient"]
    assert (order == expected) == moves
    for ours, theirs in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)  # float32 against float64
