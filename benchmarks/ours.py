"""mpsnn as a contestant: the public Python API, numpy arrays in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import mpsnn
from benchmarks.workloads import WORKLOADS, Workload
from mpsnn import Graph, Value, layers


def network(workload: Workload) -> tuple[Graph, Value, Value]:
    """The workload's network on float32 data: graph, loss, probabilities."""
    g = Graph()
    x, labels = g.input(*workload.image), g.labels(workload.classes)
    logits = NETWORKS[workload.name](g, x, workload.classes)
    return g, g.softmax_cross_entropy(logits, labels), g.softmax(logits)


def digits(g: Graph, x: Value, classes: int) -> Value:
    """The talk's digits network."""
    for channels in (32, 64):
        x = g.max_pool2d(g.relu(layers.Conv2d(channels, kernel=5)(x)), 2)
    x = g.dropout(g.relu(layers.Dense(1024)(x)), 0.5)
    return layers.Dense(classes)(x)


def activity(g: Graph, x: Value, classes: int) -> Value:
    """The talk's activity classifier: convolution to 20 steps, LSTM, dense layers."""
    x = g.relu(layers.Conv1d(64, kernel=100, stride=100, padding="valid")(x))
    x = layers.LSTM(200, return_sequences=False)(x)
    x = g.dropout(g.relu(layers.BatchNorm()(layers.Dense(128)(x))), 0.5)
    return layers.Dense(classes)(x)


NETWORKS = {"digits": digits, "activity": activity}


def runner(
    workload: str, mode: str, batch: int, precision: str, threads: int
) -> Callable[[int], None]:
    """Steps of the training loop that the README shows, or of `infer`."""
    if precision != "float32":
        raise SystemExit(f"precision {precision} is not there yet")
    chosen = WORKLOADS[workload]
    if workload == "step":
        return stepper(chosen, batch, threads)
    _, loss, probabilities = network(chosen)
    trainer = mpsnn.Trainer(
        loss, probabilities, optimizer=mpsnn.Adam(1e-4), batch=batch, threads=threads
    )
    data = chosen.data(batch)

    def train(steps: int) -> None:
        for i in range(steps):
            step = trainer.train_step(*data[i % len(data)])
        step.wait()

    def infer(steps: int) -> None:
        for i in range(steps):
            trainer.infer(data[i % len(data)][0])

    return train if mode == "train" else infer


def stepper(workload: Workload, batch: int, threads: int) -> Callable[[int], None]:
    """The activity classifier's LSTM one step at a time, its state going out and in again."""
    g = Graph()
    x = g.input(*workload.image, name="x")
    begin = {key: g.input(200, name=key) for key in ("h", "c")}
    y = layers.LSTM(200).unroll(x, initial=[begin])
    result = g.softmax(layers.Dense(workload.classes)(y.last))
    predictor = mpsnn.Predictor([result, *y.states[0].values()], batch=batch, threads=threads)
    data = [x for x, _ in workload.data(batch)]
    state = {key: np.zeros((batch, 200), np.float32) for key in begin}

    def run(steps: int) -> None:
        for i in range(steps):
            _, *after = predictor.infer({"x": data[i % len(data)], **state})
            state.update(zip(begin, after, strict=True))

    return run
