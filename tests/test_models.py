"""The networks of `mpsnn.models`: their sizes, and weights that come from PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Predictor, ShapeError, Value, _core, layers, models

Network = Callable[[Value], Any]


def shapes(net: Graph, *, trainable: bool = False) -> dict[str, tuple[int, ...]]:
    """Of every parameter by name, or of those that training changes."""
    return {
        node.label: tuple(net.core.shape(node.outputs[0]))
        for node in _core.nodes(net.core)
        if node.parameter and (node.trainable or not trainable)
    }


@pytest.mark.parametrize(
    ("network", "size", "count"),
    [
        # The numbers that torchvision publishes; it has its auxiliary classifier counted.
        (models.resnet18, 224, 11_689_512),
        (models.resnet50, 224, 25_557_032),
        (models.inception_v3_with_auxiliary, 299, 27_161_264),
        # Without 768 * 128 + 2 * 128, 128 * 768 * 25 + 2 * 768 and 769 * 1000.
        (models.inception_v3, 299, 27_161_264 - 98_560 - 2_459_136 - 769_000),
        # 9 C O of each convolution of 3 x 3 and 2 O of its batch_norm, and 1025 * 125 to the boxes.
        (models.tiny_yolo, 416, 15_861_773),
    ],
)
def test_a_network_has_as_many_parameters_as_published(
    network: Network, size: int, count: int
) -> None:
    net = Graph()
    network(net.input(size, size, 3))
    assert sum(math.prod(shape) for shape in shapes(net, trainable=True).values()) == count


def test_tiny_yolo_has_what_its_authors_file_of_weights_has() -> None:
    net = Graph()
    cells = models.tiny_yolo(net.input(416, 416, 3))
    assert cells.shape == (13, 13, len(models.TINY_YOLO_ANCHORS) * (5 + 20))
    # tiny-yolo-voc.weights: 63,471,556 bytes, 16 of them in front of the numbers.
    assert sum(math.prod(s) for s in shapes(net).values()) == (63_471_556 - 16) // 4


def test_networks_take_other_sizes_and_refuse_what_they_cannot() -> None:
    net = Graph()
    assert models.resnet18(net.input(33, 40, 1), 4).shape == (4,)
    with pytest.raises(ShapeError, match="name 'conv1' is already used in this graph"):
        models.resnet18(net.input(33, 40, 1), 4)
    net = Graph()
    assert models.tiny_yolo(net.input(64, 96, 3), 2, anchors=1).shape == (2, 3, 7)
    net = Graph()
    x, odd = net.input(64, 64, 3), net.input(100, 64, 3)
    before = str(net)
    with pytest.raises(ShapeError, match=r"tiny_yolo: x must be .* got \(100, 64, 3\)"):
        models.tiny_yolo(odd)
    with pytest.raises(ShapeError, match="tiny_yolo: classes must be"):
        models.tiny_yolo(x, 0)
    with pytest.raises(ShapeError, match="resnet18: stem must be 'imagenet' or 'small'"):
        models.resnet18(x, stem="cifar")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="units must be"):
        models.resnet50(x, 0)
    with pytest.raises(ShapeError, match="conv2d"):
        models.inception_v3(x)
    with pytest.raises(TypeError, match="inception_v3: x must be a Value, got int"):
        models.inception_v3_with_auxiliary(3)  # type: ignore[arg-type]
    assert str(net) == before


def state(net: Graph, names: dict[str, str] | None = None) -> dict[str, Any]:
    """A state dict of zeros, found by asking what is missing."""
    with pytest.raises(ShapeError) as error:
        models.from_torch(net, {}, names=names)
    text = str(error.value).partition(": missing ")[2]
    pairs = [entry.removeprefix("missing ").partition(" ") for entry in text.split("; ")]
    return {
        key: np.zeros([int(n) for n in shape.strip("()").split(",") if n.strip()], np.float32)
        for key, _, shape in pairs
    }


def test_names_and_shapes_are_those_of_torchvision() -> None:
    net = Graph()
    models.resnet50(net.input(64, 64, 3))
    there = {key: array.shape for key, array in state(net).items()}
    assert len(there) == 320 - 53  # of torchvision, without the counters of its 53 batch_norms
    assert there["conv1.weight"] == (64, 3, 7, 7)
    assert there["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert there["layer4.2.bn3.running_var"] == (2048,)
    assert there["fc.weight"] == (1000, 2048)
    net = Graph()
    models.inception_v3_with_auxiliary(net.input(299, 299, 3))
    there = {key: array.shape for key, array in state(net).items()}
    assert len(there) == 580 - 96
    assert there["Mixed_6b.branch7x7_2.conv.weight"] == (128, 128, 1, 7)
    assert there["Mixed_7c.branch3x3dbl_3b.bn.bias"] == (384,)
    assert there["AuxLogits.conv1.conv.weight"] == (768, 128, 5, 5)


def numbered(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


def test_axes_of_weights_are_put_in_order() -> None:
    net = Graph()
    x = layers.Conv2d(4, (2, 3), groups=2, bias=False, name="a.conv")(net.input(5, 6, 4))
    x = layers.Dense(2, name="a.direct")(x)
    y = layers.Conv1d(3, 2, name="b", bias=False)(net.input(7, 5))
    image = net.dropout(net.relu(net.flatten(net.input(2, 3, 4))), 0.1)
    layers.Dense(2, name="flat", bias=False)(image)
    assert y.shape == (7, 3)
    there = {
        "a.conv.weight": numbered(4, 2, 2, 3),
        "a.direct.weight": numbered(2, 4 * 5 * 6),
        "a.direct.bias": numbered(2),
        "b.weight": numbered(3, 5, 2),
        "flat.weight": numbered(2, 24),
    }
    ours = models.from_torch(net, there)
    assert {k: v.shape for k, v in ours.items()} == shapes(net)
    assert ours["a.conv.weight"][3, 1, 2, 0] == there["a.conv.weight"][3, 0, 1, 2]
    assert ours["b.weight"][2, 1, 4] == there["b.weight"][2, 4, 1]
    direct = ours["a.direct.weight"].reshape(2, 5, 6, 4)
    assert direct[1, 4, 2, 3] == there["a.direct.weight"].reshape(2, 4, 5, 6)[1, 3, 4, 2]
    flat = ours["flat.weight"].reshape(2, 2, 3, 4)
    assert flat[1, 0, 2, 3] == there["flat.weight"].reshape(2, 4, 2, 3)[1, 3, 0, 2]
    assert all(v.dtype == np.float32 and v.flags.c_contiguous for v in ours.values())


def test_gates_and_both_biases_of_an_lstm_are_taken() -> None:
    net = Graph()
    layers.LSTM(2, name="cell", bidirectional="concat")(net.input(4, 3))
    there = {f"rnn.{key.removeprefix('cell.')}": a for key, a in state(net).items()}
    assert there["rnn.weight_ih_l0_reverse"].shape == (8, 3)
    there = {key: numbered(*array.shape) for key, array in there.items()}
    ours = models.from_torch(net, there, names={"cell": "rnn"})
    assert ours.keys() == shapes(net).keys()
    assert ours["cell.forward.forget_gate.bias"].tolist() == [2 * 2, 2 * 3]
    rows = there["rnn.weight_hh_l0_reverse"][6:]
    np.testing.assert_array_equal(ours["cell.backward.output_gate.recurrent_weight"], rows)


def small() -> Graph:
    net = Graph()
    x = layers.BatchNorm(name="norm")(layers.Conv2d(3, 1, name="conv")(net.input(2, 2, 2)))
    layers.Dense(2, name="fc")(x)
    return net


def test_every_mistake_is_named_at_once_with_both_shapes() -> None:
    net = small()
    there = state(net)
    there["norm.num_batches_tracked"] = np.int64(3)  # of no use, and no mistake
    assert models.from_torch(net, there).keys() == shapes(net).keys()
    there["fc.weight"] = np.zeros((5, 12), np.float32)
    there["head.weight"] = there.pop("norm.running_var")
    with pytest.raises(ShapeError) as error:
        models.from_torch(net, there)
    assert str(error.value) == (
        "from_torch: state_dict does not fit the graph: missing norm.running_var (3,); "
        "fc.weight must be (2, 12), got (5, 12); unexpected head.weight"
    )
    with pytest.raises(ShapeError, match=r"graph: fc.weight must be \(2, 12\), got \(5, 12\)$"):
        models.from_torch(net, there, strict=False)
    del there["fc.weight"]
    loose = models.from_torch(net, there, strict=False)
    assert shapes(net).keys() - loose.keys() == {"fc.weight", "norm.running_var"}


def test_arguments_that_are_no_graph_or_no_tensors_are_refused() -> None:
    net = small()
    there = state(net)
    with pytest.raises(TypeError, match="graph must be a Graph, got dict"):
        models.from_torch(there, there)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="state_dict must map names to tensors, got Graph"):
        models.from_torch(net, net)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"fc\.bias must be a tensor, got list"):
        models.from_torch(net, {**there, "fc.bias": [0.0, 0.0]})
    with pytest.raises(ShapeError, match=r"fc\.bias must be of floating point numbers, got int64"):
        models.from_torch(net, {**there, "fc.bias": np.zeros(2, np.int64)})
    with pytest.raises(ShapeError, match="names has dense, but the layers with weights are conv"):
        models.from_torch(net, there, names={"dense": "fc"})
    with pytest.raises(TypeError, match="names must map names to modules, got int"):
        models.from_torch(net, there, names=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="names must map names to modules, got 3"):
        models.from_torch(net, there, names={"conv": 3})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="state_dict must map names to tensors, got the name 1"):
        models.from_torch(net, {**there, 1: there})  # type: ignore[dict-item]


def test_what_pytorch_stores_in_an_unknown_order_is_refused() -> None:
    def refusal(net: Graph, **arrays: Any) -> str:
        with pytest.raises(ShapeError) as error:
            models.from_torch(net, arrays, strict=False)
        return str(error.value).partition("the graph: ")[2]

    net = Graph()
    layers.Dense(2, name="fc")(layers.Conv1d(3, 2)(net.input(7, 5)))
    expected = "fc.weight: the order of what fc.weight reads is not known in PyTorch"
    assert refusal(net, **{"fc.weight": np.zeros((2, 21))}) == expected
    assert models.from_torch(net, {}, strict=False) == {}
    net = Graph()
    layers.Dense(2, name="fc")(layers.BatchNorm(name="n")(net.flatten(net.input(2, 2, 2))))
    assert refusal(net, **{"fc.weight": np.zeros((2, 8))}) == expected
    assert refusal(net, **{"n.bias": np.zeros(8)}).startswith("n.bias: n.beta is of a flattened")
    net = Graph()
    layers.ConvTranspose2d(2, 2, name="up")(net.input(2, 2, 2))
    assert "up.weight (2, 2, 2, 2) are not conv" in refusal(net, **{"up.weight": np.zeros(1)})
    for layer in (layers.GRU(2), layers.MGU(2), layers.LSTM(2, peephole="diagonal")):
        net = Graph()
        layer(net.input(3, 2))
        name = type(layer).__name__.lower() + "_1"
        assert refusal(net, **{f"{name}.weight_ih_l0": np.zeros(1)}).startswith(f"{name}: PyTorch")


def test_a_refused_state_dict_changes_nothing() -> None:
    net = Graph()
    x = net.input(2, 2, 2)
    y = layers.Dense(2, name="fc")(x)
    before, running = str(net), Predictor(y)
    weights = running.state_dict()
    with pytest.raises(ShapeError):
        models.from_torch(net, {"fc.weight": np.ones((2, 9), np.float32)})
    assert str(net) == before
    assert all(np.array_equal(a, weights[k]) for k, a in running.state_dict().items())


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="takes minutes on another backend")
@pytest.mark.parametrize(
    ("network", "size"),
    [
        (lambda x: models.resnet18(x, 3, stem="small"), 32),
        (lambda x: x.graph.global_avg_pool2d(models.tiny_yolo(x, 2, anchors=1))[4:], 64),
    ],
    ids=["resnet18", "tiny_yolo"],
)
def test_a_network_learns_in_reduced_precision(network: Network, size: int) -> None:
    """Two steps of two images; precision itself has tests of its own."""
    net = Graph()
    loss = net.softmax_cross_entropy(network(net.input(size, size, 3)), net.labels(3))
    options: dict[str, Any] = {"batch": 2, "backend": "cpu", "precision": "bfloat16"}
    with mpsnn.Trainer(loss, optimizer=mpsnn.SGD(0.01), **options) as trainer:
        images = np.random.default_rng(0).random((2, size, size, 3), np.float32)
        losses = [trainer.train_step(images, np.array([0, 2])).loss for _ in range(2)]
    assert np.isfinite(losses).all()
