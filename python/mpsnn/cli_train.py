"""`mpsnn train ...`: checks its options, trains, tests, saves."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mpsnn import io, plots
from mpsnn._core import Error, Step, UnsupportedError, backend_status
from mpsnn.arguments import Float
from mpsnn.cli_report import Lines, class_table, memory, per_class, report
from mpsnn.cli_tasks import Examples, Task
from mpsnn.graph import Graph
from mpsnn.loader import Loader
from mpsnn.optim import Adam
from mpsnn.trace import Trace
from mpsnn.training import Trainer

SEED = 0
FLOATS = get_args(Float)
SMOOTHED = 20  # steps in the loss that is shown


class UsageError(Exception):
    """An option that cannot be; the message names it."""


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    backend: str | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int | None = None
    precision: str = "float32"
    save: Path | None = None
    resume: Path | None = None
    plot: Path | None = None
    trace: Path | None = None
    target_accuracy: float | None = None
    json: bool = False


def run(task: Task, options: Options) -> dict[str, object]:
    """Train, and return the summary that `--json` prints.

    Raises:
        UsageError: If an option cannot be; nothing has run then.
        KeyboardInterrupt: After Ctrl-C, when the checkpoint is saved.
    """
    check(options)
    batch, seed = _settle(task, options)
    examples = task.load()
    if batch > len(examples.train):
        raise UsageError(f"--batch {batch}: there are {len(examples.train)} training {task.unit}")
    graph = Graph(seed=seed)
    net = task.network(graph)
    trace = Trace() if options.trace else None
    try:
        trainer = Trainer(
            graph.softmax_cross_entropy(net.logits, net.labels),
            outputs=graph.softmax(net.logits),
            optimizer=Adam(task.learning_rate),
            batch=batch,
            backend=options.backend,
            seed=seed,
            precision=cast(Float, options.precision),
            trace=trace,
        )
    except UnsupportedError as error:
        raise UsageError(f"--{error}") from error
    with trainer:
        if options.resume:
            trainer.load(options.resume)
        course = Course(trainer, task, examples, options, trace)
        try:
            course.run()
        finally:
            if trace and options.trace:
                trace.save(options.trace)
        return course.summary()


def check(options: Options) -> None:
    """Find what would fail later.

    Raises:
        UsageError: If an option cannot be.
    """
    if options.precision not in FLOATS:
        *most, last = FLOATS
        names = f"{', '.join(most)} or {last}"
        raise UsageError(f"--precision {options.precision}: must be {names}")
    status = {name: (available, detail) for name, available, detail in backend_status()}
    if options.backend is not None and not status.get(options.backend, (False, ""))[0]:
        here = ", ".join(name for name, (available, _) in status.items() if available)
        reason = status.get(options.backend, (False, "there is no such backend"))[1]
        raise UsageError(f"--backend {options.backend}: {reason}; this build has {here}")
    if options.plot:
        try:
            plots.check()
        except Error as error:
            raise UsageError(f"--plot: {error}") from error
    written = {"--save": options.save, "--plot": options.plot, "--trace": options.trace}
    for option, path in written.items():
        try:
            if path:
                io.check_writable(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"{option} {path}: cannot be written: {reason}") from error


def _settle(task: Task, options: Options) -> tuple[int, int]:
    """Batch and seed: as given, as in the checkpoint to resume, or the default."""
    if not options.resume:
        batch = task.batch if options.batch is None else options.batch
        return batch, SEED if options.seed is None else options.seed
    try:
        metadata = io.read_metadata(options.resume)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--resume {options.resume}: cannot be read: {reason}") from error
    except io.CheckpointError as error:
        raise UsageError(f"--resume {error}") from error
    settled = {"batch": int(metadata["batch"]), "seed": int(metadata["seed"])}
    for name, value in settled.items():
        given = getattr(options, name)
        if given not in (None, value):
            raise UsageError(f"--{name} {given}: {options.resume} was trained with {value}")
    return settled["batch"], settled["seed"]


class Course:
    """One run over the examples. The order of epoch e depends on the seed and e alone."""

    def __init__(
        self,
        trainer: Trainer,
        task: Task,
        examples: Examples,
        options: Options,
        trace: Trace | None,
    ) -> None:
        self.trainer = trainer
        self.loader = Loader(
            examples.train, examples.train_labels, trainer.batch, seed=trainer.seed, trace=trace
        )
        self.task = task
        self.examples = examples
        self.options = options
        self.epochs = task.epochs if options.epochs is None else options.epochs
        self.per_epoch = len(self.loader)
        self.losses: list[float] = []
        self.epoch_loss: float | None = None
        self.epoch = 0
        self.seen = 0
        self.training_seconds = 0.0
        self.seconds = 0.0
        self.accuracy: float | None = None
        self.predictions: NDArray[np.intp] | None = None

    def run(self) -> None:
        """Train, test after every epoch, save and plot."""
        started = time.monotonic()
        steps = self.per_epoch * self.epochs
        console = Console(stderr=self.options.json)
        with report(console, steps, self.trainer.step, self.task.unit) as progress:
            try:
                self._epochs(progress)
            except KeyboardInterrupt:
                self._interrupted(progress)
                raise
            self.seconds = time.monotonic() - started
            if self.task.per_class:
                progress.say(class_table(self.examples.classes, self.matrix()))
            self._plot(progress)

    def _epochs(self, progress: Lines) -> None:
        options = self.options
        self.epoch = self.trainer.step // self.per_epoch
        while self.epoch < self.epochs:
            self._train_epoch(progress)
            self.epoch += 1
            self._test()
            progress.say(
                f"epoch {self.epoch}/{self.epochs}  loss {self.epoch_loss:.4f}  "
                f"test accuracy {self.accuracy:.2%}  {self._rate():,.0f} {self.task.unit}/s"
            )
            if options.save:
                self.trainer.save(options.save)
            if options.target_accuracy is not None and (self.accuracy or 0) >= (
                options.target_accuracy
            ):
                progress.say(f"reached the target accuracy of {options.target_accuracy:.2%}")
                break
        if self.accuracy is None:
            self._test()
            progress.say(
                f"nothing left to train after {self.epoch} epochs  "
                f"test accuracy {self.accuracy:.2%}"
            )
            if options.save:
                self.trainer.save(options.save)
        if options.save:
            progress.say(f"saved to {options.save}")

    def _train_epoch(self, progress: Lines) -> None:
        """Train what is left of the current epoch."""
        trainer, first = self.trainer, len(self.losses)
        trainer.learning_rate = self.task.learning_rate * self.task.decay**self.epoch
        done = trainer.step - self.epoch * self.per_epoch
        under_way: deque[Step] = deque()
        started = time.monotonic()
        before = self.training_seconds
        for images, labels in self.loader.batches(self.epoch, first=done):
            under_way.append(trainer.train_step(images, labels))
            if len(under_way) > 2:  # as many as are in flight: prepare the next meanwhile
                self._collect(under_way.popleft(), progress)
            self.training_seconds = before + time.monotonic() - started
        while under_way:
            self._collect(under_way.popleft(), progress)
        self.training_seconds = before + time.monotonic() - started
        self.epoch_loss = float(np.mean(self.losses[first:]))

    def _collect(self, step: Step, progress: Lines) -> None:
        loss = step.loss
        self.losses.append(float(loss.mean(dtype=np.float64)))
        self.seen += len(loss)
        progress.step(float(np.mean(self.losses[-SMOOTHED:])), self._rate())

    def _rate(self) -> float:
        return self.seen / self.training_seconds if self.training_seconds else 0.0

    def _test(self) -> None:
        result = self.trainer.evaluate(self.examples.test, self.examples.test_labels)
        self.accuracy = result.accuracy
        self.predictions = result.outputs[0].argmax(axis=1)

    def _interrupted(self, progress: Lines) -> None:
        save = self.options.save
        if save is None:
            progress.say("interrupted; nothing is saved without --save")
            return
        self.trainer.save(save)
        progress.say(
            f"interrupted at step {self.trainer.step}; saved to {save}, continue with "
            f"--resume {save}"
        )

    def _plot(self, progress: Lines) -> None:
        if self.options.plot is None or self.predictions is None:
            return
        title = (
            f"{self.task.name}: {self.accuracy:.2%} of the test {self.task.unit} "
            f"after {self.epoch} epochs"
        )
        classes = self.examples.classes
        plots.save_training(self.options.plot, self.losses, self.matrix(), title, classes)
        progress.say(f"plotted to {self.options.plot}")

    def matrix(self) -> NDArray[np.int64]:
        """How often test examples of class i were taken for class j."""
        assert self.predictions is not None
        count = len(self.examples.classes)
        return plots.confusion_matrix(self.examples.test_labels, self.predictions, count)

    def summary(self) -> dict[str, object]:
        """What `--json` prints. Times are of this run, epochs and steps of all runs."""
        found: dict[str, object] = {
            "example": self.task.name,
            "backend": self.trainer.backend,
            "precision": self.options.precision,
            "epochs": self.epoch,
            "steps": self.trainer.step,
            "test_accuracy": self.accuracy,
            "final_loss": self.epoch_loss,
            f"{self.task.unit}_per_second": self._rate() or None,
            "seconds": self.seconds,
            "compile_seconds": self.trainer.compile_seconds,
            "memory": memory(self.trainer.memory_report()),
        }
        if self.task.per_class:
            found["classes"] = per_class(self.examples.classes, self.matrix())
        return found
