"""`python -m benchmarks --workload digits --mode train --batch 64 --precision float32 --json`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import own
from benchmarks.check import check
from benchmarks.contestant import Task
from benchmarks.driver import Plan
from benchmarks.measure import compare, spread
from benchmarks.workloads import WORKLOADS

OWN = {"overhead", "memory"}
PRECISIONS = ("float32", "bfloat16")


def show(row: dict[str, Any]) -> None:
    """The row as a table."""
    title = " ".join(str(row[k]) for k in ("workload", "mode", "batch", "precision"))
    table = Table("contestant", "ms a step", "ratio to ours", "spread %", "peak MiB", title=title)
    times = {"ours": row["ours_ms"], **row["peers"]}
    for name, ms in sorted(times.items(), key=lambda item: item[1]):
        peak = row["peak_bytes"][name] / 2**20
        noise = f"{100 * spread(row['rounds_ms'][name]):.0f}"
        table.add_row(
            name, f"{ms:.3f}", f"{ms / row['ours_ms']:.2f}",
            "stopped" if name in row["stopped"] else noise, f"{peak:.0f}",
        )  # fmt: skip
    for name, reason in row["missing"].items():
        table.add_row(name, "missing", reason, "", "")
    Console().print(table)


def interpreters(options: list[str]) -> dict[str, str]:
    """By family; "" for every other one but PyTorch."""
    pairs = (option.rpartition("=") for option in options)
    return {family: path for family, _, path in pairs}


def integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"not numbers with commas between: {text}") from None


def main(
    workload: Annotated[
        str, typer.Option(help=f"{', '.join(WORKLOADS)}, step, overhead or memory")
    ] = "digits",
    mode: Annotated[str, typer.Option(help="train or infer")] = "train",
    batch: Annotated[str, typer.Option(help="images a step; several with commas")] = "64",
    precision: Annotated[
        str,
        typer.Option(
            help="of mpsnn: float32 beside peers in float32, bfloat16 beside all, or both"
        ),
    ] = "float32",
    threads: Annotated[str, typer.Option(help="of everyone; several with commas")] = str(
        os.cpu_count() or 1
    ),
    rounds: Annotated[int, typer.Option(min=2, help="a figure each; their median counts")] = 7,
    seconds: Annotated[float, typer.Option(help="of one round of one contestant")] = 0.5,
    peers: Annotated[
        str, typer.Option(help="families or names such as 'torch eager', with commas; '' for none")
    ] = "all",
    python_of: Annotated[
        list[str],
        typer.Option(
            envvar="MPSNN_BENCH_PYTHON",
            help="interpreter of a family: jax=PATH; PATH alone: of all but PyTorch",
        ),
    ] = [],  # noqa: B006 - typer's way to have several
    setup_timeout: Annotated[float, typer.Option(help="seconds for one contestant")] = 900.0,
    latency: Annotated[int, typer.Option(help="steps to time one by one as well")] = 0,
    out: Annotated[Path | None, typer.Option(help="file to append JSON lines to")] = None,
    check_only: Annotated[
        bool, typer.Option("--check", help="only whether all compute the same network")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="lines of JSON")] = False,
) -> None:
    """Measure mpsnn, in alternation with its peers where there are any."""
    if workload not in WORKLOADS.keys() | OWN | {"step"} or mode not in ("train", "infer"):
        raise typer.BadParameter(f"no such workload and mode: {workload} {mode}")
    if workload == "step" and mode != "infer":
        raise typer.BadParameter("step is only for infer")
    if check_only:
        raise typer.Exit(not check([workload], peers, interpreters(python_of), print))
    precisions = list(PRECISIONS) if precision == "both" else precision.split(",")
    plan = Plan(rounds, seconds, setup_timeout, latency, interpreters(python_of))
    for count in integers(threads):
        for size in integers(batch):
            if workload in OWN:
                result = own.overhead(count) if workload == "overhead" else own.memory(size, count)
                print(json.dumps(result))
                continue
            task = Task(workload, mode, size, count)
            say = (lambda _: None) if as_json else (lambda line: print(line, flush=True))
            for row in compare(task, precisions, plan, chosen=peers, say=say):
                if out:
                    with out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                print(json.dumps(row)) if as_json else show(row)


if __name__ == "__main__":
    typer.run(main)
