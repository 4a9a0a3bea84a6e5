"""The command `mpsnn`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import mpsnn
from mpsnn import cli_detection, cli_inception, cli_tasks, cli_train

app = typer.Typer(
    help="Train and run neural networks as graphs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train_app = typer.Typer(help="Train an example network.", no_args_is_help=True)
app.add_typer(train_app, name="train")

INTERRUPTED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mpsnn {mpsnn.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    """Train and run neural networks as graphs."""


Backend = Annotated[str | None, typer.Option(help="See `mpsnn info`.", show_default="the fastest")]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the data, those before --resume included.")
]
Batch = Annotated[int | None, typer.Option(min=1, help="Examples per step.")]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=2**64 - 1, help="Of weights, order and dropout.", show_default="0"),
]
Precision = Annotated[str, typer.Option(help="float32; on cpu bfloat16; on cpu and metal float16.")]
Save = Annotated[Path | None, typer.Option(help="Checkpoint, after every epoch and at Ctrl-C.")]
Resume = Annotated[Path | None, typer.Option(help="Continue from this checkpoint.")]
Plot = Annotated[Path | None, typer.Option(help="PNG of the confusion matrix and the loss curve.")]
TracePath = Annotated[
    Path | None, typer.Option("--trace", help="Timeline of the threads, for ui.perfetto.dev.")
]
BoxesPlot = Annotated[
    Path | None, typer.Option("--plot", help="PNG of the boxes found on test tiles.")
]
Target = Annotated[
    float | None, typer.Option(min=0, max=1, help="Stop after the epoch that reaches it.")
]
Json = Annotated[bool, typer.Option("--json", help="One last line on stdout; the rest on stderr.")]


def _classifier(name: str, task: Callable[[], cli_tasks.Task], text: str) -> None:
    """Add the command that trains it; the text is its help."""

    @train_app.command(name, help=text)
    def train(
        backend: Backend = None,
        epochs: Epochs = None,
        batch: Batch = None,
        seed: Seed = None,
        precision: Precision = "float32",
        save: Save = None,
        resume: Resume = None,
        plot: Plot = None,
        trace: TracePath = None,
        target_accuracy: Target = None,
        json_line: Json = False,
    ) -> None:
        options = cli_train.Options(
            backend=backend,
            epochs=epochs,
            batch=batch,
            seed=seed,
            precision=precision,
            save=save,
            resume=resume,
            plot=plot,
            trace=trace,
            target_accuracy=target_accuracy,
            json=json_line,
        )
        _run(options, lambda: cli_train.run(task(), options))


_classifier(
    "digits",
    lambda: cli_tasks.DIGITS,
    "Train the network of WWDC 2018 session 609 on 6000 handwritten digits, in 5 epochs.",
)
_classifier(
    "activity",
    lambda: cli_tasks.ACTIVITY,
    "Train a convolution and an LSTM on 7 exercises of 10 people, in 20 epochs.\n\n"
    "The recordings are of a smart watch's accelerometer and gyroscope. The test is on three "
    "people who are not among those it trains on.",
)


@train_app.command("detection")
def train_detection(
    backend: Backend = None,
    epochs: Epochs = None,
    batch: Batch = None,
    seed: Seed = None,
    precision: Precision = "float32",
    save: Save = None,
    resume: Resume = None,
    plot: BoxesPlot = None,
    trace: TracePath = None,
    json_line: Json = False,
) -> None:
    """Train a small Tiny YOLO to find trees in pictures from the air, in 80 epochs.

    The pictures are 97 real tiles; the test is on 24 tiles of another place. The learning rate
    falls towards the last epoch: resume with the same --epochs.
    """
    options = cli_train.Options(
        backend=backend,
        epochs=epochs,
        batch=batch,
        seed=seed,
        precision=precision,
        save=save,
        resume=resume,
        plot=plot,
        trace=trace,
        json=json_line,
    )
    _run(options, lambda: cli_train.run(cli_detection.DETECTION, options))


@train_app.command("inception")
def train_inception(
    iterations: Annotated[int, typer.Option(min=1, help="Steps.")] = 30,
    backend: Backend = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Images per step.", show_default="8")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**64 - 1, help="Of weights and images.", show_default="0"),
    ] = None,
    precision: Precision = "float32",
    trace: TracePath = None,
    json_line: Json = False,
) -> None:
    """Measure how fast Inception-v3 trains, on generated images of 299 x 299 pixels.

    WWDC 2018 session 609 shows such a run of 30 iterations. The images are noise, so there is
    nothing to learn from them but themselves.
    """
    options = cli_train.Options(
        backend=backend, batch=batch, seed=seed, precision=precision, trace=trace, json=json_line
    )
    _run(options, lambda: cli_inception.run(options, iterations))


def _run(options: cli_train.Options, train: Callable[[], dict[str, object]]) -> None:
    try:
        summary = train()
    except cli_train.UsageError as error:
        raise _fail(error, 2) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (mpsnn.Error, OSError) as error:
        raise _fail(error, 1) from error
    if options.json:
        typer.echo(json.dumps(summary))


@app.command()
def info(
    json_line: Annotated[bool, typer.Option("--json", help="As one line of JSON.")] = False,
) -> None:
    """Version, processors, and which backends this build has."""
    backends = [
        {"name": name, "available": available, "detail": detail}
        for name, available, detail in mpsnn.backend_status()
    ]
    facts = {
        "version": mpsnn.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": _cpu_count(),
    }
    if json_line:
        typer.echo(json.dumps({**facts, "backends": backends}))
        return
    for name, value in facts.items():
        typer.echo(f"{name:<12}{value}")
    for row in backends:
        typer.echo(f"{row['name']:<12}{'yes' if row['available'] else 'no':<5}{row['detail']}")


def _fail(error: Exception, code: int) -> typer.Exit:
    typer.echo(f"mpsnn: {error}", err=True)
    return typer.Exit(code)


def _cpu_count() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
