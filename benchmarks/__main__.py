"""`python -m benchmarks --workload digits --mode train --batch 64 --precision float32 --json`."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import mpsnn
from benchmarks import driver, own
from benchmarks.workloads import WORKLOADS

TRAIN = ("eager", "channels_last", "compile", "channels_last+compile")
VARIANTS = {"train": TRAIN, "infer": (*TRAIN, "jit")}
OWN = {"overhead", "memory"}


def versions() -> dict[str, str]:
    """Of what is compared; a peer that is not installed is left out."""
    found = {"mpsnn": mpsnn.__version__, "python": platform.python_version()}
    for name in ("torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def compare(
    workload: str,
    mode: str,
    batch: int,
    precision: str,
    threads: int,
    rounds: int,
    seconds: float,
    peers: list[str],
) -> dict[str, Any]:
    """Ours beside every peer, as one row."""
    options = {
        "workload": workload, "mode": mode, "batch": batch, "precision": precision,
        "threads": threads,
    }  # fmt: skip
    measured, missing = driver.alternate(["ours", *peers], options, rounds=rounds, seconds=seconds)
    if "ours" not in measured:
        raise SystemExit(f"mpsnn itself failed: {missing['ours']}")
    medians = {name: m.median for name, m in measured.items()}
    ours = medians.pop("ours")
    best = min(medians, key=lambda name: medians[name], default=None)
    return {
        **options,
        "ours_ms": ours,
        "peers": medians,
        "best_peer": best,
        "ratio": medians[best] / ours if best else None,
        "missing": missing,
        "rounds_ms": {name: m.ms for name, m in measured.items()},
        "peak_bytes": {name: m.peak_bytes for name, m in measured.items()},
        "backend": mpsnn.backend_names()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": versions(),
    }


def show(row: dict[str, Any]) -> None:
    """The row as a table."""
    title = " ".join(str(row[k]) for k in ("workload", "mode", "batch", "precision"))
    table = Table("contestant", "ms a step", "ratio to ours", "spread %", "peak MiB", title=title)
    for name, times in row["rounds_ms"].items():
        ms = row["ours_ms"] if name == "ours" else row["peers"][name]
        spread = (max(times) - min(times)) / ms * 100
        peak = row["peak_bytes"][name] / 2**20
        table.add_row(
            name, f"{ms:.3f}", f"{ms / row['ours_ms']:.2f}", f"{spread:.0f}", f"{peak:.0f}"
        )
    for name, reason in row["missing"].items():
        table.add_row(name, "missing", reason, "", "")
    Console().print(table)


def main(
    workload: Annotated[
        str, typer.Option(help="digits, activity, step, overhead or memory")
    ] = "digits",
    mode: Annotated[str, typer.Option(help="train or infer")] = "train",
    batch: Annotated[int, typer.Option(min=1, help="images a step")] = 64,
    precision: Annotated[str, typer.Option(help="of mpsnn; peers use the same")] = "float32",
    threads: Annotated[int, typer.Option(min=1, help="of every contestant")] = os.cpu_count() or 1,
    rounds: Annotated[int, typer.Option(min=1, help="a figure each; their median counts")] = 7,
    seconds: Annotated[float, typer.Option(help="of one round of one contestant")] = 0.5,
    peers: Annotated[str, typer.Option(help="PyTorch variants, with commas; '' for none")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON")] = False,
) -> None:
    """Measure mpsnn, in alternation with its peers where there are any."""
    only_infers = workload == "step" and mode != "infer"
    if workload not in WORKLOADS.keys() | OWN or mode not in VARIANTS or only_infers:
        raise typer.BadParameter(f"no such workload and mode: {workload} {mode}")
    if workload == "overhead":
        row = own.overhead(threads)
    elif workload == "memory":
        row = own.memory(batch, threads)
    else:
        every = [v for v in VARIANTS[mode] if "channels_last" not in v or workload == "digits"]
        chosen = every if peers == "all" else [p for p in peers.split(",") if p]
        names = [f"torch {variant}" for variant in chosen]
        row = compare(workload, mode, batch, precision, threads, rounds, seconds, names)
    if as_json or workload in OWN:
        print(json.dumps(row))
    else:
        show(row)


if __name__ == "__main__":
    typer.run(main)
