"""The command `python -m mpsnn.verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

import mpsnn
from mpsnn.files import check_writable
from mpsnn.verify import checks, probes, rows, speed
from mpsnn.verify.checks import Outcome
from mpsnn.verify.report import ATTACH, Report

INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class UsageError(Exception):
    """An option that cannot be; the message names it."""


class Check(NamedTuple):
    """One row of the report."""

    section: str
    name: str
    run: Callable[[], Outcome]


def plan(backend: str, seconds: float) -> Iterator[Check]:
    """Every check, in order."""
    for row in rows.ROWS:
        section = "parity" if row.judged else "recorded"
        yield Check(section, row.name, partial(checks.parity, row, backend))
    for name, optimizer in checks.OPTIMIZERS.items():
        yield Check("parity", f"training, {name}", partial(checks.training, optimizer, backend))
    for row in rows.ROWS:
        yield Check("gradients", row.name, partial(checks.differences, row))
    for probe in probes.PROBES:
        yield Check("probes", probe.question, partial(answers, probe, backend))
    for batch in speed.BATCHES if seconds else ():
        run = partial(speed.compare, backend, batch, seconds)
        yield Check("speed", f"training, batch {batch}", run)


def answers(probe: probes.Probe, backend: str) -> Outcome:
    names = dict.fromkeys([backend, "reference"])
    found = {name: probes.answer(probe, name) for name in names}
    return {"status": "recorded", "answers": found, "note": probe.note}


def chosen(backend: str | None) -> str:
    """`backend`, or the one to verify by default."""
    here = mpsnn.backend_names()
    if backend is None:
        return "metal" if "metal" in here else here[0]
    if backend not in here:
        status = {name: detail for name, _, detail in mpsnn.backend_status()}
        reason = status.get(backend, "there is no such backend")
        raise UsageError(f"--backend {backend}: {reason}; this build has {', '.join(here)}")
    return backend


def prepared(folder: Path) -> Path:
    """`folder`, which is there and can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("report.json", "report.md"):
            check_writable(folder / name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--output {folder}: cannot be written: {reason}") from error
    return folder


def verify(report: Report, backend: str, seconds: float) -> None:
    """Run every check that is not to be skipped, and say so line by line."""
    section = ""
    for check in plan(backend, seconds):
        if any(text in check.name for text in report.facts["skipped"]):
            continue
        if check.section != section:
            section = check.section
            typer.echo(f"\n{section}")
        typer.echo(f"  {check.name:<62}", nl=False)  # before it runs: it might end the process
        report.start(f"{check.section}: {check.name}")
        outcome = check.run()
        report.add(section, {"name": check.name, **outcome})
        typer.echo(said(outcome))
    report.finish()


def said(outcome: Outcome) -> str:
    """An outcome in a few words."""
    if "answers" in outcome:
        return str(next(iter(outcome["answers"].values())))
    if "ratio" in outcome:
        return f"{outcome['ratio']:.2f}"
    deviation = outcome.get("deviation")
    detail = outcome.get("reason") or ("" if deviation is None else f"{deviation:.1e}")
    return f"{outcome['status']}  {detail}"


@app.command()
def main(
    backend: Annotated[
        str | None, typer.Option(help="See `mpsnn info`.", show_default="metal, else the fastest")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("mpsnn-verify"),
    seconds: Annotated[
        float, typer.Option(min=0, help="Of a round of the speed table; 0 leaves it out.")
    ] = 0.3,
    skip: Annotated[
        list[str] | None, typer.Option(help="Leave out rows with this text in their name.")
    ] = None,
) -> None:
    """Compare a backend with the float64 reference on this machine, and write a report."""
    try:
        name = chosen(backend)
        report = Report(prepared(output), name, mpsnn.__version__, skip or [])
    except UsageError as error:
        typer.echo(f"mpsnn: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"verifying {name}, mpsnn {mpsnn.__version__}")
    try:
        verify(report, name, seconds)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"\n{'passed' if report.passed else 'NOT passed'}; the report is in {output}")
    typer.echo(ATTACH)
    raise typer.Exit(0 if report.passed else 1)


if __name__ == "__main__":
    app(prog_name="python -m mpsnn.verify")
