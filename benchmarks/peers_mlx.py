"""MLX as a contestant: the whole step compiled, images channels last, float32."""

from __future__ import annotations

import itertools
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten, tree_map

from benchmarks.contestant import Contestant, Task, scalar, variant_of
from benchmarks.networks import DROPOUT, EPSILON, SLOPE, Network, Node, weights
from benchmarks.workloads import ADAM, SGD, WORKLOADS, Workload


def contestant(name: str, task: Task) -> Contestant:
    """Steps of training, or of inference."""
    if variant_of(name) != "float32":
        raise SystemExit(f"no {name}")
    mx.set_default_device(mx.cpu)
    chosen = WORKLOADS[task.workload]
    network = chosen.network()
    named: Any = {str(i): own for i, own in enumerate(weights(network)) if own}
    named = tree_map(lambda a: mx.array(a), named)
    statistics = {
        i: {n: own.pop(n) for n in list(own) if n.startswith("running")} for i, own in named.items()
    }
    count = sum(a.size for _, a in tree_flatten(named))
    feed = itertools.cycle([(mx.array(x), mx.array(y)) for x, y in chosen.data(task.batch)])
    if task.mode == "train":
        return Contestant(_train(network, chosen, named, statistics, feed), count)

    def forward(x: Any) -> Any:
        result = _forward(network, named, statistics, x, training=False)
        return mx.softmax(result, -1) if chosen.loss == "cross_entropy" else result

    compiled = mx.compile(forward)

    def run(steps: int) -> Any:
        for _ in range(steps):
            result = np.array(compiled(next(feed)[0]))
        return result

    return Contestant(run, count)


def _forward(network: Network, named: Any, statistics: Any, x: Any, *, training: bool) -> Any:
    """The result; in training it changes the running statistics."""
    values = [x]
    for place, node in enumerate(network.nodes[1:], 1):
        inputs = [values[i] for i in node.inputs]
        own = named.get(str(place), {})
        if node.op == "batch_norm":
            values.append(_batch_norm(inputs[0], own, statistics[str(place)], training))
        elif node.op == "dropout":
            values.append(_dropout(inputs[0]) if training else inputs[0])
        else:
            values.append(_apply(node, inputs, own))
    return values[-1]


def _apply(node: Node, inputs: list[Any], own: Any) -> Any:
    x = inputs[0]
    if node.op == "conv":
        y: Any
        if len(node.kernel) == 1:
            y = mx.conv1d(x, own["weight"], node.stride[0], node.padding[0])
        else:
            y = mx.conv2d(x, own["weight"], node.stride, node.padding)
        return y + own["bias"] if node.bias else y
    if node.op == "dense":
        return mx.addmm(own["bias"], x.reshape(len(x), -1), own["weight"].T)
    if node.op == "lstm":
        return _lstm(x, own)
    if node.op in ("max_pool", "avg_pool"):
        return _pool(node, x)
    if node.op == "mean":
        return x.mean((1, 2))
    if node.op == "add":
        return x + inputs[1]
    if node.op == "concat":
        return mx.concatenate(inputs, -1)
    return nn.relu(x) if node.op == "relu" else nn.leaky_relu(x, SLOPE)


def _pool(node: Node, x: Any) -> Any:
    window = (node.kernel, node.stride, node.padding)
    if node.op == "max_pool":
        return nn.MaxPool2d(*window)(x)
    pool = nn.AvgPool2d(*window)  # counts the padding
    return pool(x) / pool(mx.ones((1, *x.shape[1:3], 1)))


def _lstm(x: Any, own: Any) -> Any:
    projected = mx.addmm(own["bias"], x, own["weight"].T)
    h = c = mx.zeros((len(x), own["recurrent"].shape[1]))
    for step in range(x.shape[1]):
        i, f, g, o = mx.split(mx.addmm(projected[:, step], h, own["recurrent"].T), 4, -1)
        c = mx.sigmoid(f) * c + mx.sigmoid(i) * mx.tanh(g)
        h = mx.sigmoid(o) * mx.tanh(c)
    return h


def _batch_norm(x: Any, own: Any, running: Any, training: bool) -> Any:
    mean, var = running["running_mean"], running["running_var"]
    if training:
        axes = tuple(range(x.ndim - 1))
        new = {"running_mean": x.mean(axes), "running_var": x.var(axes)}
        mean, var = new.values()
        for name, value in new.items():
            running[name] = 0.9 * running[name] + 0.1 * value
    return (x - mean) * (mx.rsqrt(var + EPSILON) * own["gamma"]) + own["beta"]


def _dropout(x: Any) -> Any:
    return mx.where(mx.random.bernoulli(1 - DROPOUT, x.shape), x / (1 - DROPOUT), 0.0)


def _train(network: Network, workload: Workload, named: Any, statistics: Any, feed: Any) -> Any:
    adam = workload.optimizer == "adam"
    moments = [tree_map(mx.zeros_like, named) for _ in range(2)]
    state = {"named": named, "statistics": statistics, "moments": moments, "count": mx.array(0.0)}

    def loss_of(named: Any, x: Any, y: Any) -> Any:
        result = _forward(network, named, state["statistics"], x, training=True)
        if workload.loss == "squared_error":
            return nn.losses.mse_loss(result, y)
        return nn.losses.cross_entropy(result, y, reduction="mean")

    def step(x: Any, y: Any) -> Any:
        loss, gradient = mx.value_and_grad(loss_of)(state["named"], x, y)
        state["count"] = state["count"] + 1
        (_adam if adam else _sgd)(state, gradient)
        return loss

    ends = [state, mx.random.state]
    compiled = mx.compile(step, inputs=ends, outputs=ends)

    def run(steps: int) -> Any:
        for _ in range(steps):
            loss = compiled(*next(feed))
            mx.eval(state, loss)
        return scalar(loss.item())

    return run


def _adam(state: Any, gradient: Any) -> None:
    beta1, beta2 = ADAM["beta1"], ADAM["beta2"]
    first, second = state["moments"]
    first = tree_map(lambda m, g: beta1 * m + (1 - beta1) * g, first, gradient)
    second = tree_map(lambda v, g: beta2 * v + (1 - beta2) * g * g, second, gradient)
    rate = ADAM["rate"] / (1 - mx.power(beta1, state["count"]))
    root = mx.sqrt(1 - mx.power(beta2, state["count"]))
    state["named"] = tree_map(
        lambda p, m, v: p - rate * m / (mx.sqrt(v) / root + ADAM["epsilon"]),
        state["named"], first, second,
    )  # fmt: skip
    state["moments"] = [first, second]


def _sgd(state: Any, gradient: Any) -> None:
    first = tree_map(lambda m, g: SGD["momentum"] * m + g, state["moments"][0], gradient)
    state["named"] = tree_map(lambda p, m: p - SGD["rate"] * m, state["named"], first)
    state["moments"] = [first, state["moments"][1]]
