"""`mpsnn train inception`: how fast the largest network of the talk trains."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mpsnn import models
from mpsnn._core import Step, UnsupportedError
from mpsnn.arguments import Float
from mpsnn.cli_report import Lines, costs, memory, report
from mpsnn.cli_train import SEED, Options, UsageError, check
from mpsnn.graph import Graph
from mpsnn.optim import SGD
from mpsnn.trace import Trace
from mpsnn.training import Trainer

BATCH = 8
CLASSES = 1000
SIZE = 299
AUXILIARY = 0.4  # of the loss of the auxiliary classifier, as in GoogLeNet and torchvision
POOL = 4  # batches, generated before the first step and trained in turn


def run(options: Options, iterations: int) -> dict[str, object]:
    """Train on generated images, and return the summary that `--json` prints.

    Raises:
        UsageError: If an option cannot be; nothing has run then.
        KeyboardInterrupt: After Ctrl-C.
    """
    check(options)
    batch = BATCH if options.batch is None else options.batch
    seed = SEED if options.seed is None else options.seed
    trace = Trace() if options.trace else None
    try:
        trainer = _trainer(options, batch, seed, trace)
    except UnsupportedError as error:
        raise UsageError(f"--{error}") from error
    with trainer:
        console = Console(stderr=options.json)
        with report(console, iterations, 0) as progress:
            try:
                losses, seconds = _train(trainer, _pool(batch, seed), iterations, progress)
            finally:
                if trace is not None and options.trace:
                    trace.save(options.trace)
            rate = batch * iterations / seconds
            progress.say(
                f"{iterations} iterations  loss {losses[-1]:.4f}  {rate:,.1f} images/s  "
                f"{seconds:.1f} s"
            )
            needed = memory(trainer.memory_report())
            progress.say(costs(trainer.compile_seconds, needed))
        return {
            "example": "inception",
            "backend": trainer.backend,
            "precision": options.precision,
            "batch": batch,
            "iterations": iterations,
            "first_loss": losses[0],
            "final_loss": losses[-1],
            "images_per_second": rate,
            "seconds": seconds,
            "compile_seconds": trainer.compile_seconds,
            "memory": needed,
        }


def _trainer(options: Options, batch: int, seed: int, trace: Trace | None) -> Trainer:
    net = Graph(seed=seed)
    images = net.input(SIZE, SIZE, 3, dtype="uint8", scale=1 / 255, name="images")
    labels = net.labels(CLASSES, name="labels")
    logits, auxiliary = models.inception_v3_with_auxiliary(images, CLASSES)
    loss = net.add(
        net.softmax_cross_entropy(logits, labels),
        net.softmax_cross_entropy(auxiliary, labels, weight=AUXILIARY),
    )
    return Trainer(
        loss,
        optimizer=SGD(0.01, momentum=0.9),
        batch=batch,
        backend=options.backend,
        seed=seed,
        precision=cast(Float, options.precision),
        trace=trace,
    )


def _pool(batch: int, seed: int) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Batches of noise, and a class for each image by chance."""
    rng = np.random.default_rng(seed)
    shape = (batch, SIZE, SIZE, 3)
    return [
        (rng.integers(0, 256, shape, np.uint8), rng.integers(0, CLASSES, batch))
        for _ in range(POOL)
    ]


def _train(
    trainer: Trainer, pool: list[tuple[Any, Any]], iterations: int, progress: Lines
) -> tuple[list[float], float]:
    """The loss of each step, and the seconds that all took."""
    losses: list[float] = []
    under_way: deque[Step] = deque()
    started = time.monotonic()

    def collect() -> None:
        losses.append(float(under_way.popleft().loss.mean(dtype=np.float64)))
        done = len(losses) * trainer.batch
        progress.step(losses[-1], done / (time.monotonic() - started))

    try:
        for i in range(iterations):
            under_way.append(trainer.train_step(*pool[i % len(pool)]))
            if len(under_way) > 2:  # as many as are in flight
                collect()
        while under_way:
            collect()
    except KeyboardInterrupt:
        progress.say(f"interrupted at step {trainer.step}")
        raise
    return losses, time.monotonic() - started
