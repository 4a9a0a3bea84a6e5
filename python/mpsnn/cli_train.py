"""`mpsnn train ...`: checks its options, trains, tests, saves."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np
from rich.console import Console

from mpsnn import files, io, plots
from mpsnn._core import Error, Step, UnsupportedError, backend_status
from mpsnn.arguments import Float
from mpsnn.cli_report import Lines, costs, memory, report
from mpsnn.cli_tasks import Examples, Score, Source, Task
from mpsnn.graph import Graph
from mpsnn.trace import Trace
from mpsnn.training import Trainer

SEED = 0
FLOATS = get_args(Float)
SMOOTHED = 20  # steps in the loss that is shown


class UsageError(Exception):
    """An option that cannot be; the message names it."""


@dataclass(frozen=True, kw_only=True)
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
    if batch > examples.count:
        raise UsageError(f"--batch {batch}: there are {examples.count} training {task.unit}")
    net = examples.network(Graph(seed=seed))
    trace = Trace() if options.trace else None
    source = examples.source(batch, seed, trace)
    epochs = task.epochs if options.epochs is None else options.epochs
    try:
        trainer = Trainer(
            net.loss,
            outputs=net.outputs,
            optimizer=task.optimizer(len(source), epochs),
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
        course = Course(trainer, task, examples, source, epochs, options)
        try:
            course.run()
        finally:
            if trace is not None and options.trace:
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
                files.check_writable(path)
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
        source: Source,
        epochs: int,
        options: Options,
    ) -> None:
        self.trainer = trainer
        self.task = task
        self.examples = examples
        self.source = source
        self.options = options
        self.epochs = epochs
        self.per_epoch = len(source)
        self.losses: list[float] = []
        self.epoch_loss: float | None = None
        self.epoch = 0
        self.seen = 0
        self.training_seconds = 0.0
        self.seconds = 0.0
        self.score: Score | None = None

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
            if self.score and self.score.table:
                progress.say(self.score.table)
            self._plot(progress)
            progress.say(costs(self.trainer.compile_seconds, memory(self.trainer.memory_report())))

    def _epochs(self, progress: Lines) -> None:
        options = self.options
        self.epoch = self.trainer.step // self.per_epoch
        while self.epoch < self.epochs:
            self._train_epoch(progress)
            self.epoch += 1
            if self.epoch % self.task.epochs_per_test == 0 or self.epoch == self.epochs:
                self.score = self.examples.test(self.trainer)
                progress.say(
                    f"epoch {self.epoch}/{self.epochs}  loss {self.epoch_loss:.4f}  "
                    f"{self._tested()}  {self._rate():,.0f} {self.task.unit}/s"
                )
            if options.save:
                self.trainer.save(options.save)
            target = math.inf if options.target_accuracy is None else options.target_accuracy
            if self.score and self.score.value >= target:
                progress.say(f"reached the target accuracy of {options.target_accuracy:.2%}")
                break
        if self.score is None:
            self.score = self.examples.test(self.trainer)
            progress.say(f"nothing left to train after {self.epoch} epochs  {self._tested()}")
            if options.save:
                self.trainer.save(options.save)
        if options.save:
            progress.say(f"saved to {options.save}")

    def _train_epoch(self, progress: Lines) -> None:
        """Train what is left of the current epoch."""
        trainer, first = self.trainer, len(self.losses)
        done = trainer.step - self.epoch * self.per_epoch
        under_way: deque[Step] = deque()
        started = time.monotonic()
        before = self.training_seconds
        for images, labels in self.source.batches(self.epoch, done):
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

    def _tested(self) -> str:
        assert self.score is not None
        return f"test {self.score.name} {self.score.value:.2%}"

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
        if self.options.plot is None or self.score is None:
            return
        title = f"{self.task.name}: {self._tested()} after {self.epoch} epochs"
        self.score.draw(self.options.plot, self.losses, title)
        progress.say(f"plotted to {self.options.plot}")

    def summary(self) -> dict[str, object]:
        """What `--json` prints. Times are of this run, epochs and steps of all runs."""
        assert self.score is not None
        return {
            "example": self.task.name,
            "backend": self.trainer.backend,
            "precision": self.options.precision,
            "epochs": self.epoch,
            "steps": self.trainer.step,
            self.score.key: self.score.value,
            "final_loss": self.epoch_loss,
            f"{self.task.unit}_per_second": self._rate() or None,
            "seconds": self.seconds,
            "compile_seconds": self.trainer.compile_seconds,
            "memory": memory(self.trainer.memory_report()),
            **self.score.details,
        }
