"""mpsnn as a contestant: the public Python API, numpy arrays in."""

from __future__ import annotations

from collections.abc import Callable

import mpsnn
from benchmarks.workloads import WORKLOADS, Workload
from mpsnn import Graph, Value, layers


def network(workload: Workload) -> tuple[Graph, Value, Value]:
    """The talk's digits network on float32 images: graph, loss, probabilities."""
    g = Graph()
    x, labels = g.input(*workload.image), g.labels(workload.classes)
    for channels in (32, 64):
        x = g.max_pool2d(g.relu(layers.Conv2d(channels, kernel=5)(x)), 2)
    x = g.dropout(g.relu(layers.Dense(1024)(x)), 0.5)
    logits = layers.Dense(workload.classes)(x)
    return g, g.softmax_cross_entropy(logits, labels), g.softmax(logits)


def runner(
    workload: str, mode: str, batch: int, precision: str, threads: int
) -> Callable[[int], None]:
    """Steps of the training loop that the README shows, or of `infer`."""
    if precision != "float32":
        raise SystemExit(f"precision {precision} is not there yet")
    chosen = WORKLOADS[workload]
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
