"""The pass that computes a convolution before the mean that it reads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from test_passes import classifier

import mpsnn
from mpsnn import Graph, Value, _core, layers


def means(net: Graph, x: Value, **changes: Any) -> tuple[Value, Value]:
    """A mean over windows, and a convolution of it."""
    options = {"channels": 4, "kernel": 1, "bias": False, "stride": 1, "padding": "same"} | changes
    mean = net.avg_pool2d(x, 3, stride=options["stride"], padding=options["padding"])
    conv = layers.Conv2d(options["channels"], options["kernel"], bias=options["bias"])
    return mean, conv(mean)


def trained_order(loss: Value) -> list[str]:
    """The pooling and the convolution in the order in which a training step runs them."""
    graph = _core.training_graph(loss.graph.core, loss.id, mpsnn.SGD().core())
    found = (re.search(r" (conv2d|avg_pool2d)\(", line) for line in graph.print().splitlines())
    return [match[1] for match in found if match]


@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_a_pointwise_convolution_is_computed_before_a_mean(padding: Any) -> None:
    net = Graph()
    loss, _ = classifier(means(net, net.input(6, 6, 8), padding=padding)[1])
    assert trained_order(loss) == ["conv2d", "avg_pool2d"]


@pytest.mark.parametrize(
    "changes", [{"channels": 9}, {"kernel": 3}, {"bias": True}, {"stride": 2}], ids=str
)
def test_it_is_not_where_that_is_no_gain_or_no_equal(changes: dict[str, Any]) -> None:
    net = Graph()
    loss, _ = classifier(means(net, net.input(6, 6, 8), **changes)[1])
    assert trained_order(loss) == ["avg_pool2d", "conv2d"]


def test_it_is_not_where_others_read_the_mean() -> None:
    net = Graph()
    mean, y = means(net, net.input(6, 6, 8))
    loss, _ = classifier(net.concat([y, mean]))
    assert trained_order(loss) == ["avg_pool2d", "conv2d"]


def test_training_is_the_same_in_either_order(rng: np.random.Generator) -> None:
    images, truth = rng.standard_normal((4, 6, 6, 8)).astype(np.float32), np.array([0, 2, 1, 1])
    results = []
    for export in (False, True):  # what is exported stays
        net = Graph(seed=3)
        mean, y = means(net, layers.Conv2d(8, 3)(net.input(6, 6, 8)))
        loss, logits = classifier(net.relu(layers.BatchNorm()(y)))
        trainer = mpsnn.Trainer(
            loss, logits, batch=4, backend="reference", optimizer=mpsnn.SGD(0.1),
            export={"mean": mean} if export else None,
        )  # fmt: skip
        for _ in range(5):
            trainer.train_step(images, truth).wait()
        results.append(trainer.state_dict())
    for name, value in results[0].items():  # float64, kept as float32
        np.testing.assert_allclose(value, results[1][name], rtol=1e-6, atol=1e-7, err_msg=name)
