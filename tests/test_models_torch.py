"""The networks of `mpsnn.models` compute, with the weights of PyTorch, what they compute there.

Tolerances are shares of the largest element: float32 sums of up to 25,000 products, in another
order than PyTorch's, behind up to 94 layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Predictor, Trainer, Value, _core, models

torch = pytest.importorskip("torch")
import torch_inception
import torch_models

torch.set_num_threads(2)

DIGITS = {"conv2d_1": "conv1", "conv2d_2": "conv2", "dense_1": "fc1", "dense_2": "fc2"}
ACTIVITY = {"conv1d_1": "conv", "lstm_1": "lstm", "batch_norm_1": "bn"}
ACTIVITY |= {"dense_1": "fc1", "dense_2": "fc2"}
BACKEND = "cpu" if "cpu" in mpsnn.backend_names() else None
needs_cpu = pytest.mark.skipif(BACKEND is None, reason="takes minutes on another backend")


def images(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def channels_first(x: np.ndarray[Any, Any]) -> Any:
    """As PyTorch has it."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def close(ours: np.ndarray[Any, Any], theirs: Any, tolerance: float = 1e-4) -> None:
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    largest = np.abs(expected).max()
    assert expected.std(0).max() > 0.01 * largest  # the images differ, so that it says something
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance * largest)


CASES: dict[str, tuple[Callable[[], Any], Callable[[Value], Value], tuple[int, ...]]] = {
    "resnet18": (
        lambda: torch_models.ResNet((2, 2, 2, 2), 1, 10, "imagenet"),
        lambda x: models.resnet18(x, 10),
        (65, 96, 3),  # odd and even, so that every padding shows on which side it is
    ),
    "resnet18 for small images": (
        lambda: torch_models.ResNet((2, 2, 2, 2), 1, 10, "small"),
        lambda x: models.resnet18(x, 10, stem="small"),
        (32, 32, 3),
    ),
    "resnet50": (
        lambda: torch_models.ResNet((3, 4, 6, 3), 4, 10, "imagenet"),
        lambda x: models.resnet50(x, 10),
        (65, 96, 3),
    ),
    "tiny_yolo": (
        lambda: torch_models.TinyYolo(3 * (5 + 4)),
        lambda x: models.tiny_yolo(x, 4, anchors=3),
        (64, 96, 3),
    ),
}


@needs_cpu
@pytest.mark.parametrize("case", CASES)
def test_a_network_computes_what_it_computes_in_pytorch(case: str) -> None:
    make, ours, shape = CASES[case]
    torch.manual_seed(0)
    x = images(3, *shape)
    theirs = torch_models.randomised(make(), channels_first(x)).eval()
    net = Graph()
    y = ours(net.input(*shape))
    weights = models.from_torch(net, theirs.state_dict())
    expected = theirs(channels_first(x))
    expected = expected.permute(0, 2, 3, 1) if expected.ndim == 4 else expected
    close(Predictor(y, weights=weights, batch=3, backend=BACKEND).infer(x), expected)


@needs_cpu
def test_inception_v3_and_its_auxiliary_classifier_compute_what_they_do_in_pytorch() -> None:
    torch.manual_seed(0)
    x = images(2, 299, 299, 3)
    with torch.no_grad():
        theirs = torch_models.randomised(torch_inception.Inception(10), channels_first(x)).eval()
        expected = theirs(channels_first(x))
    net = Graph()
    y = models.inception_v3_with_auxiliary(net.input(299, 299, 3), 10)
    weights = models.from_torch(net, theirs.state_dict())
    ours = Predictor(y, weights=weights, batch=2, backend=BACKEND).infer(x)
    close(ours[0], expected[0])
    close(ours[1], expected[1])
    alone = Graph()
    logits = models.inception_v3(alone.input(299, 299, 3), 10)
    weights = models.from_torch(alone, theirs.state_dict(), strict=False)
    ours = Predictor(logits, weights=weights, batch=2, backend=BACKEND).infer(x)
    close(ours, expected[0])


@needs_cpu
def test_digits_and_activity_compute_what_they_compute_in_pytorch() -> None:
    torch.manual_seed(0)
    for network, make, names, dtype in (
        (models.digits, torch_models.Digits, DIGITS, np.uint8),
        (models.activity, torch_models.Activity, ACTIVITY, np.float32),
    ):
        net = Graph()
        ends = network(net)
        x = (255 * np.random.default_rng(1).random((8, *ends.images.shape))).astype(dtype)
        seen = channels_first(x.astype(np.float32) / (255 if dtype == np.uint8 else 1))
        theirs = torch_models.randomised(make(), seen).eval()
        weights = models.from_torch(net, theirs.state_dict(), names=names)
        close(Predictor(ends.logits, weights=weights, backend=BACKEND).infer(x), theirs(seen))


def dropouts(net: Graph) -> dict[str, Value]:
    nodes = [node for node in _core.nodes(net.core) if node.op == "dropout"]
    return {node.label: Value(net, node.outputs[0]).states["mask"] for node in nodes}


def first_batch(name: str, shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], Any]:
    """Eight examples for us, and the same for PyTorch, in float64."""
    batch = np.random.default_rng(2).random((8, *shape))
    if name == "digits":
        batch = np.round(255 * batch)
        return batch.astype(np.uint8), channels_first(batch / 255)
    return batch.astype(np.float32), channels_first(batch.astype(np.float32).astype(np.float64))


def pair(name: str, net: Graph) -> tuple[models.Classifier, Any, dict[str, str]]:
    """A network, the same in PyTorch, and the names there."""
    if name == "digits":
        return models.digits(net), torch_models.Digits(), DIGITS
    if name == "activity":
        return models.activity(net), torch_models.Activity(), ACTIVITY
    x, labels = net.input(32, 32, 3), net.labels(10)
    ends = models.Classifier(x, labels, models.resnet18(x, 10, stem="small"))
    return ends, torch_models.ResNet((2, 2, 2, 2), 1, 10, "small"), {}


@needs_cpu
@pytest.mark.parametrize("name", ["digits", "activity", "resnet18"])
def test_training_starts_as_it_does_in_pytorch(name: str) -> None:
    """Losses of three steps, and every weight and statistic behind them."""
    torch.manual_seed(0)
    net = Graph()
    ends, theirs, names = pair(name, net)
    batch, seen = first_batch(name, ends.images.shape)
    classes = np.random.default_rng(3).integers(ends.labels.shape[0], size=8)
    theirs = torch_models.randomised(theirs.double(), seen).float().double().train()
    optimizer = torch.optim.SGD(theirs.parameters(), 0.001, momentum=0.9)
    loss = net.softmax_cross_entropy(ends.logits, ends.labels)
    rule = mpsnn.SGD(0.001, momentum=0.9)
    ours = Trainer(loss, optimizer=rule, batch=8, backend=BACKEND, export=dropouts(net))
    ours.load_state_dict(models.from_torch(net, theirs.state_dict(), names=names))
    for _ in range(3):
        step = ours.train_step(batch, classes)
        for mask in step.exported.values():
            theirs.mask = 2 * torch.from_numpy(mask.astype(np.float64))
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(theirs(seen), torch.from_numpy(classes))
        value.backward()
        optimizer.step()
        # float32 here, and each step starts where the rounding of the last one ended.
        assert step.loss.mean() == pytest.approx(value.item(), rel=1e-4)
    state, there = ours.state_dict(), models.from_torch(net, theirs.state_dict(), names=names)
    if name == "activity":
        del there["batch_norm_1.running_var"]  # this network keeps the biased one
    for tensor, expected in there.items():
        largest = np.abs(expected).max()
        np.testing.assert_allclose(
            state[tensor], expected, rtol=0, atol=1e-3 * largest, err_msg=tensor
        )
