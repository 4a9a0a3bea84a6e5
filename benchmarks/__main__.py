"""`python -m benchmarks --workload digits --mode train --batch 64 --precision float32 --json`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import own, table
from benchmarks.check import check
from benchmarks.contestant import Mode, Task
from benchmarks.driver import ISAS, Plan
from benchmarks.measure import append, compare, spread
from benchmarks.workloads import WORKLOADS

OWN = {"overhead", "memory"}
MODES: tuple[Mode, ...] = ("train", "infer")


def show(row: dict[str, Any]) -> None:
    """The row as a table."""
    title = " ".join(str(row[k]) for k in ("workload", "mode", "batch", "precision"))
    title += f", {row['threads']} threads"
    grid = Table("contestant", "ms a step", "ratio to ours", "spread %", "peak MiB", title=title)
    times = {"ours": row["ours_ms"], **row["peers"]}
    for name, ms in sorted(times.items(), key=lambda item: item[1]):
        peak = row["peak_bytes"][name] / 2**20
        noise = f"{100 * spread(row['rounds_ms'][name]):.0f}"
        grid.add_row(
            name, f"{ms:.3f}", f"{ms / row['ours_ms']:.2f}",
            "stopped" if name in row["stopped"] else noise, f"{peak:.0f}",
        )  # fmt: skip
    for name, reason in row["missing"].items():
        grid.add_row(name, "missing", reason, "", "")
    Console().print(grid)
    for name, parts in row["latency_ms"].items():
        print(f"{name}, single steps: " + ", ".join(f"{k} {ms:.3f} ms" for k, ms in parts.items()))


def interpreters(options: list[str]) -> dict[str, str]:
    """By family; "" for every other one but PyTorch."""
    pairs = (option.rpartition("=") for option in options)
    return {family: path for family, _, path in pairs}


def integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"not numbers with commas between: {text}") from None


def measure(
    tasks: list[Task], precisions: list[str], plan: Plan, report: Callable[[dict[str, Any]], None],
    section: str, **options: Any,
) -> None:  # fmt: skip
    """Each task, or what needs no peer; the section of the page is another one for fewer threads."""
    for task in tasks:
        if task.workload == "overhead":
            print(json.dumps(own.overhead(task.threads)))
        elif task.workload == "memory":
            print(json.dumps(own.memory(task.batch, task.threads)))
        else:
            fewer = section == "table" and task.threads < (os.cpu_count() or 1)
            own_section = "threads" if fewer else section
            for row in compare(task, precisions, plan, section=own_section, **options):
                report(row)


def main(
    workload: Annotated[
        str, typer.Option(help=f"{', '.join(WORKLOADS)}, step, overhead or memory")
    ] = "digits",
    mode: Annotated[str, typer.Option(help="train or infer")] = "train",
    batch: Annotated[str, typer.Option(help="images a step; several with commas")] = "64",
    precision: Annotated[
        str, typer.Option(help="ours: float32, beside peers in it; bfloat16, beside all; both")
    ] = "float32",
    threads: Annotated[str, typer.Option(help="of everyone; several with commas")] = str(
        os.cpu_count() or 1
    ),
    rounds: Annotated[int, typer.Option(min=2, help="a figure each; their median counts")] = 7,
    seconds: Annotated[float, typer.Option(help="of one round of one contestant")] = 0.5,
    peers: Annotated[
        str,
        typer.Option(
            help="with commas: all, jax, 'torch eager', -mlx to leave it out; '' for none"
        ),
    ] = "all",
    python_of: Annotated[
        list[str] | None,
        typer.Option(
            envvar="MPSNN_BENCH_PYTHON",
            help="interpreter of a family: jax=PATH; PATH alone: of all but PyTorch",
        ),
    ] = None,
    setup_timeout: Annotated[
        float, typer.Option(help="seconds for the set-up of one contestant")
    ] = 900.0,
    latency: Annotated[int, typer.Option(help="time so many steps one by one, at most")] = 0,
    isa: Annotated[
        str, typer.Option(help="no newer instructions than avx2 or avx512, where it can be told")
    ] = "",
    steady: Annotated[
        float, typer.Option(help="only rounds count in which a product reaches so many GFLOP/s")
    ] = 0.0,
    patience: Annotated[
        float, typer.Option(help="seconds of a comparison that wait for such rounds")
    ] = 600.0,
    sweep: Annotated[bool, typer.Option("--sweep", help="batches from 1 to large ones")] = False,
    whole_table: Annotated[
        bool, typer.Option("--table", help="every row of the page, or those of --only")
    ] = False,
    only: Annotated[str, typer.Option(help="workloads of --table or --check, with commas")] = "",
    check_only: Annotated[
        bool, typer.Option("--check", help="whether all compute the same networks")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="file to append JSON lines to")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="lines of JSON")] = False,
) -> None:
    """Measure mpsnn, in alternation with its peers where there are any."""
    pythons = interpreters(python_of or [])
    plan = Plan(rounds, seconds, setup_timeout, latency, pythons, isa, steady, patience)
    if isa not in ISAS:
        raise typer.BadParameter(f"--isa must be avx2 or avx512, got {isa}")
    say = _silent if as_json else _say
    chosen = _workloads(only)
    if check_only:
        raise typer.Exit(not check(chosen, peers, plan.pythons, _say))
    counts = integers(threads)
    if whole_table:
        if out is None:
            raise typer.BadParameter("--table needs --out")
        return table.run(chosen, max(counts), plan, out, say, peers)
    if workload not in WORKLOADS.keys() | OWN | {"step"} or mode not in MODES:
        raise typer.BadParameter(f"no such workload and mode: {workload} {mode}")
    if workload == "step" and mode != "infer":
        raise typer.BadParameter("step is only for infer")
    if sweep and workload not in WORKLOADS:
        raise typer.BadParameter(f"{workload} has no --sweep")
    precisions = table.PRECISIONS if precision == "both" else precision.split(",")

    def report(row: dict[str, Any]) -> None:
        if out:
            append(out, row)
        print(json.dumps(row)) if as_json else show(row)

    sizes = table.sweep(workload) if sweep else integers(batch)
    tasks = [Task(workload, mode, size, count) for count in counts for size in sizes]
    section = "sweep" if sweep else "isa" if isa else "table"
    return measure(tasks, precisions, plan, report, section, chosen=peers, say=say)


def _workloads(only: str) -> list[str]:
    chosen = only.split(",") if only else list(WORKLOADS)
    unknown = [name for name in chosen if name not in WORKLOADS]
    if unknown:
        raise typer.BadParameter(f"no such workload: {', '.join(unknown)}")
    return chosen


def _say(line: str) -> None:
    print(line, flush=True)


def _silent(line: str) -> None:
    del line


if __name__ == "__main__":
    typer.run(main)
