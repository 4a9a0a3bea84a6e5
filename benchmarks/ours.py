"""mpsnn as a contestant: the public Python API, numpy arrays in."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import mpsnn
from benchmarks.contestant import Contestant, Task, scalar, variant_of
from benchmarks.networks import DROPOUT, EPSILON, SLOPE, Array, Network, Node, weights
from benchmarks.workloads import ADAM, SGD, STEP, WORKLOADS, Workload
from mpsnn import Graph, Value, layers
from mpsnn.recurrent import GATES


def network(workload: Workload) -> tuple[Graph, Value, Value]:
    """The workload's network on float32 data: graph, loss, and probabilities or the map."""
    g = Graph()
    values: list[Value] = []
    for place, node in enumerate(workload.network().nodes):
        values.append(value(g, node, f"node_{place}", [values[i] for i in node.inputs]))
    truth = g.labels(*workload.result)
    if workload.loss == "squared_error":
        return g, g.mean_squared_error(values[-1], truth), values[-1]
    return g, g.softmax_cross_entropy(values[-1], truth), g.softmax(values[-1])


def value(g: Graph, node: Node, name: str, inputs: list[Value]) -> Value:
    """The node's result in the graph."""
    if node.op == "input":
        return g.input(*node.shape)
    if node.op == "add":
        return g.add(*inputs)
    if node.op == "concat":
        return g.concat(inputs)
    if node.op in ("conv", "dense", "batch_norm", "lstm"):
        result: Value = layer(node, name)(inputs[0])
        return result
    if node.op.endswith("_pool"):
        pool = g.max_pool2d if node.op == "max_pool" else g.avg_pool2d
        return pool(inputs[0], pair(node.kernel), stride=pair(node.stride), padding=sides(node))
    if node.op == "mean":
        return g.flatten(g.avg_pool2d(inputs[0], pair(inputs[0].shape)))
    if node.op == "dropout":
        return g.dropout(inputs[0], DROPOUT)
    return g.relu(inputs[0], SLOPE if node.op == "leaky_relu" else 0.0)


def layer(node: Node, name: str) -> Any:
    """A layer that owns weights."""
    units = node.shape[-1]
    if node.op == "dense":
        return layers.Dense(units, name=name)
    if node.op == "batch_norm":
        return layers.BatchNorm(epsilon=EPSILON, name=name)
    if node.op == "lstm":
        return layers.LSTM(units, return_sequences=False, name=name)
    if len(node.kernel) == 1:
        return layers.Conv1d(
            units, node.kernel[0], stride=node.stride[0], padding=(node.padding[0],) * 2, name=name
        )
    return layers.Conv2d(
        units, pair(node.kernel), stride=pair(node.stride), padding=sides(node), bias=node.bias,
        name=name,
    )  # fmt: skip


def pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    return sizes[0], sizes[1]


def sides(node: Node) -> tuple[int, int, int, int]:
    """Top, bottom, left, right."""
    rows, columns = node.padding
    return rows, rows, columns, columns


def state(description: Network) -> dict[str, Array]:
    """The weights that every contestant has, under the names of `network`'s layers."""
    named = {}
    for place, own in enumerate(weights(description)):
        if "recurrent" in own:
            stacked = zip(("weight", "recurrent_weight", "bias"), own.values(), strict=True)
            own = {
                f"{gate}.{tensor}": part
                for tensor, array in stacked
                for gate, part in zip(GATES["lstm"], np.split(array, 4), strict=True)
            }
        named.update({f"node_{place}.{tensor}": array for tensor, array in own.items()})
    return named


def optimizer(workload: Workload) -> Any:
    """The workload's update rule."""
    if workload.optimizer == "sgd":
        return mpsnn.SGD(SGD["rate"], momentum=SGD["momentum"])
    return mpsnn.Adam(ADAM["rate"], beta1=ADAM["beta1"], beta2=ADAM["beta2"])


def contestant(name: str, task: Task) -> Contestant:
    """The training loop that the README shows, or `Predictor.infer`; the variant is a precision."""
    precision = variant_of(name)
    common: Any = {"batch": task.batch, "threads": task.threads, "precision": precision}
    if task.workload == "step":
        return stepper(task.batch, common)
    chosen = WORKLOADS[task.workload]
    _, loss, outputs = network(chosen)
    feed = itertools.cycle(chosen.data(task.batch))
    if task.mode == "infer":
        predictor = mpsnn.Predictor(outputs, weights=state(chosen.network()), **common)

        def infer(steps: int) -> Any:
            for _ in range(steps):
                result = predictor.infer(next(feed)[0])
            return result

        return Contestant(infer, trained(predictor))
    trainer = mpsnn.Trainer(loss, optimizer=optimizer(chosen), **common)
    trainer.load_state_dict(state(chosen.network()))

    def train(steps: int) -> Any:
        for _ in range(steps):
            step = trainer.train_step(*next(feed))
        return scalar(step.loss.mean())

    return Contestant(train, trained(trainer))


def trained(model: mpsnn.Trainer | mpsnn.Predictor) -> int:
    """How many numbers training changes, counted in the model."""
    return sum(a.size for name, a in model.state_dict().items() if "running_" not in name)


def stepper(batch: int, common: Any) -> Contestant:
    """The activity classifier's LSTM one step at a time, its state going out and in again."""
    g = Graph()
    x = g.input(*STEP.image, name="x")
    begin = {key: g.input(STEP.units, name=key) for key in ("h", "c")}
    y = layers.LSTM(STEP.units).unroll(x, initial=[begin])
    result = g.softmax(layers.Dense(STEP.classes)(y.last))
    predictor = mpsnn.Predictor([result, *y.states[0].values()], **common)
    feed = itertools.cycle(STEP.data(batch))
    state: dict[Any, Any] = {key: np.zeros((batch, STEP.units), np.float32) for key in begin}

    def run(steps: int) -> Any:
        for _ in range(steps):
            y, *after = predictor.infer({"x": next(feed), **state})
            state.update(zip(begin, after, strict=True))
        return y

    return Contestant(run, trained(predictor))
