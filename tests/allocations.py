"""Prints what steps allocate, as JSON: run by test_allocations.py under the library of allocations.c."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import mpsnn
from mpsnn import Graph, Value, detection, models

BATCH = 8
WARM_UP, STEPS = 6, 4  # both places of steps in flight have been used then

Build = Callable[[Graph], tuple[Value, Value, str]]


def digits(g: Graph) -> tuple[Value, Value, str]:
    net = models.digits(g)
    return g.softmax_cross_entropy(net.logits, net.labels), net.logits, "uint8"


def activity(g: Graph) -> tuple[Value, Value, str]:
    net = models.activity(g)
    return g.softmax_cross_entropy(net.logits, net.labels), net.logits, "float32"


def resnet18(g: Graph) -> tuple[Value, Value, str]:
    logits = models.resnet18(g.input(32, 32, 3), 10, stem="small")
    return g.softmax_cross_entropy(logits, g.labels(10)), logits, "float32"


def detector(g: Graph) -> tuple[Value, Value, str]:
    net = detection.detector(g, detection.Grid(6, 6, 16, ((20.0, 20.0), (40.0, 30.0))))
    return net.loss, net.cells, "uint8"


NETWORKS: dict[str, Build] = {
    build.__name__: build for build in (digits, activity, resnet18, detector)
}


def allocations(counter: ctypes.CDLL, run: Callable[[], Any]) -> dict[str, int]:
    """How many of the engine, oneDNN and the caller, in a few runs behind some more.

    The least of three times: an engine that has rested, because the machine had other things to
    do, gets its threads of OpenMP anew.
    """
    for _ in range(WARM_UP):
        run()
    times = []
    for _ in range(3):
        counter.allocations_begin()
        for _ in range(STEPS):
            run()
        found = (ctypes.c_long * 3)()
        counter.allocations_end(found)
        times.append(list(found))
    return dict(zip(("engine", "dnnl", "caller"), map(min, zip(*times, strict=True)), strict=True))


def data(g: Graph, dtype: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of no meaning."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (count, *g.inputs[0].shape)).astype(dtype)
    truth = g.label_inputs[0].shape
    if len(truth) > 1:  # of cells
        return images, np.zeros((count, *truth), np.float32)
    return images, rng.integers(0, truth[0], count).astype(np.int32)


def main() -> None:
    counter = ctypes.CDLL(sys.argv[1])
    g = Graph(seed=0)
    loss, y, dtype = NETWORKS[sys.argv[2]](g)
    options: Any = {"batch": BATCH, "backend": "cpu", "precision": sys.argv[3], "threads": 2}
    images, labels = data(g, dtype, BATCH)
    found = {}
    with mpsnn.Trainer(loss, y, **options) as trainer:
        for what, n in (("step", BATCH), ("step of a part", BATCH - 5)):
            run = lambda n=n: trainer.train_step(images[:n], labels[:n]).wait()
            found[what] = allocations(counter, run)
    predictor = mpsnn.Predictor(y, **options)
    for what, n in (("infer", BATCH), ("infer one", 1)):
        found[what] = allocations(counter, lambda n=n: predictor.infer(images[:n]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
