"""JAX as a contestant: the whole step compiled by XLA, its state donated, images channels last.

A variant is a precision, and `+unroll` for the steps of an LSTM laid out one after the other.
bfloat16 is that of the values and products; weights, statistics and losses are float32, but in
inference the weights are converted once.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.contestant import Contestant, Task, scalar, variant_of
from benchmarks.networks import DROPOUT, EPSILON, SLOPE, Network, Node, weights
from benchmarks.workloads import ADAM, SGD, WORKLOADS, Workload


def contestant(name: str, task: Task) -> Contestant:
    """Steps of training, or of inference."""
    words = variant_of(name).split("+")
    chosen = WORKLOADS[task.workload]
    model = Model(chosen.network(), jnp.dtype(words[0]), unroll="unroll" in words)
    parameters, statistics = model.arrays()
    count = sum(a.size for a in jax.tree.leaves(parameters))
    feed = itertools.cycle([(jnp.asarray(x), jnp.asarray(y)) for x, y in chosen.data(task.batch)])
    if task.mode == "train":
        return Contestant(_train(model, chosen, (parameters, statistics), feed), count)
    parameters = jax.tree.map(lambda a: a.astype(words[0]), parameters)

    @jax.jit
    def forward(parameters: Any, statistics: Any, x: Any) -> Any:
        result, _ = model(parameters, statistics, x, None)
        return jax.nn.softmax(result) if chosen.loss == "cross_entropy" else result

    def run(steps: int) -> Any:
        for _ in range(steps):
            result = np.asarray(forward(parameters, statistics, next(feed)[0]))
        return result

    return Contestant(run, count)


class Model:
    """A network as a function of its parameters and running statistics, by node."""

    def __init__(self, network: Network, kind: Any, *, unroll: bool) -> None:
        self.network = network
        self.kind = kind
        self.unroll = unroll

    def arrays(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The weights that every contestant has; of convolutions and products, outputs last."""
        parameters: dict[str, Any] = {}
        statistics: dict[str, Any] = {}
        for place, own in enumerate(weights(self.network)):
            for name, array in own.items():
                turned = np.moveaxis(array, 0, -1) if array.ndim > 1 else array
                target = statistics if name.startswith("running") else parameters
                target.setdefault(str(place), {})[name] = jnp.asarray(turned)
        return parameters, statistics

    def __call__(
        self, parameters: Any, statistics: Any, x: Any, key: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The result in float32 and the new statistics; a key of random numbers means training."""
        values = [x.astype(self.kind)]
        after = {}
        for place, node in enumerate(self.network.nodes[1:], 1):
            inputs = [values[i] for i in node.inputs]
            own = parameters.get(str(place), {})
            if node.op == "batch_norm":
                y, new = _batch_norm(inputs[0], own, statistics[str(place)], key is not None)
                after[str(place)] = new
            elif node.op == "dropout":
                y = (
                    inputs[0]
                    if key is None
                    else _dropout(inputs[0], jax.random.fold_in(key, place))
                )
            else:
                own = {name: array.astype(self.kind) for name, array in own.items()}
                y = _apply(node, inputs, own, self.unroll)
            values.append(y.astype(self.kind))
        return values[-1].astype(jnp.float32), after


def _apply(node: Node, inputs: list[Any], own: dict[str, Any], unroll: bool) -> Any:
    x = inputs[0]
    if node.op == "conv":
        layouts = ("NHWC", "HWIO", "NHWC") if x.ndim == 4 else ("NWC", "WIO", "NWC")
        padding = [(p, p) for p in node.padding]
        y = lax.conv_general_dilated(
            x, own["weight"], node.stride, padding, dimension_numbers=layouts
        )
        return y + own["bias"] if node.bias else y
    if node.op == "dense":
        return x.reshape(len(x), -1) @ own["weight"] + own["bias"]
    if node.op == "lstm":
        return _lstm(x, own, unroll)
    if node.op in ("max_pool", "avg_pool"):
        return _pool(node, x)
    if node.op == "mean":
        return x.mean((1, 2))
    if node.op == "add":
        return x + inputs[1]
    if node.op == "concat":
        return jnp.concatenate(inputs, -1)
    return jax.nn.relu(x) if node.op == "relu" else jax.nn.leaky_relu(x, SLOPE)


def _pool(node: Node, x: Any) -> Any:
    window = ((1, *node.kernel, 1), (1, *node.stride, 1))
    padding = ((0, 0), *((p, p) for p in node.padding), (0, 0))
    if node.op == "max_pool":
        return lax.reduce_window(x, np.array(-np.inf, x.dtype), lax.max, *window, padding)
    zero = np.array(0, x.dtype)
    ones = np.ones((1, *x.shape[1:3], 1), x.dtype)  # a constant: XLA folds it
    return lax.reduce_window(x, zero, lax.add, *window, padding) / lax.reduce_window(
        ones, zero, lax.add, *window, padding
    )


def _lstm(x: Any, own: dict[str, Any], unroll: bool) -> Any:
    projected = jnp.swapaxes(x @ own["weight"] + own["bias"], 0, 1)

    def cell(state: tuple[Any, Any], step: Any) -> tuple[tuple[Any, Any], None]:
        h, c = state
        i, f, g, o = jnp.split(step + h @ own["recurrent"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((len(x), len(own["recurrent"])), x.dtype)
    (h, _), _ = lax.scan(cell, (zeros, zeros), projected, unroll=True if unroll else 1)
    return h


def _batch_norm(x: Any, own: Any, running: Any, training: bool) -> tuple[Any, Any]:
    x = x.astype(jnp.float32)
    if not training:
        mean, var = running["running_mean"], running["running_var"]
    else:
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        var = (x * x).mean(axes) - mean * mean
        new = {"running_mean": mean, "running_var": var}
        running = {name: 0.9 * running[name] + 0.1 * value for name, value in new.items()}
    scale = lax.rsqrt(var + EPSILON) * own["gamma"]
    return (x - mean) * scale + own["beta"], running


def _dropout(x: Any, key: Any) -> Any:
    keep = jax.random.bernoulli(key, 1 - DROPOUT, x.shape)
    return jnp.where(keep, x / (1 - DROPOUT), 0)


def _train(model: Model, workload: Workload, arrays: Any, feed: Any) -> Any:
    def loss_of(parameters: Any, statistics: Any, x: Any, y: Any, key: Any) -> Any:
        result, after = model(parameters, statistics, x, key)
        if workload.loss == "squared_error":
            return jnp.mean((result - y) ** 2), after
        chosen = jnp.take_along_axis(jax.nn.log_softmax(result), y[:, None], 1)
        return -chosen.mean(), after

    update = _adam if workload.optimizer == "adam" else _sgd

    def step(state: Any, x: Any, y: Any) -> Any:
        parameters, statistics, moments, count, key = state
        key, own = jax.random.split(key)
        (loss, statistics), gradient = jax.value_and_grad(loss_of, has_aux=True)(
            parameters, statistics, x, y, own
        )
        parameters, moments = update(parameters, moments, gradient, count)
        return (parameters, statistics, moments, count + 1, key), loss

    compiled = jax.jit(step, donate_argnums=0)
    moments = [jax.tree.map(jnp.zeros_like, arrays[0]) for _ in range(2)]
    # Of the generators that JAX has, this is the fast one.
    state = (*arrays, moments, jnp.float32(1), jax.random.key(0, impl="rbg"))

    def run(steps: int) -> Any:
        nonlocal state
        for _ in range(steps):
            state, loss = compiled(state, *next(feed))
        return scalar(loss)

    return run


def _adam(parameters: Any, moments: Any, gradient: Any, count: Any) -> tuple[Any, Any]:
    beta1, beta2 = ADAM["beta1"], ADAM["beta2"]
    first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, moments[0], gradient)
    second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, moments[1], gradient)
    rate = ADAM["rate"] / (1 - beta1**count)
    root = jnp.sqrt(1 - beta2**count)
    new = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + ADAM["epsilon"]),
        parameters, first, second,
    )  # fmt: skip
    return new, [first, second]


def _sgd(parameters: Any, moments: Any, gradient: Any, count: Any) -> tuple[Any, Any]:
    del count
    first = jax.tree.map(lambda m, g: SGD["momentum"] * m + g, moments[0], gradient)
    new = jax.tree.map(lambda p, m: p - SGD["rate"] * m, parameters, first)
    return new, [first, moments[1]]
