"""The whole table: `python -m benchmarks --table --out benchmarks/results.jsonl`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.contestant import Mode, Task
from benchmarks.driver import Plan
from benchmarks.measure import Row, append, compare
from benchmarks.workloads import WORKLOADS

PRECISIONS = ["float32", "bfloat16"]
LATENCIES = 300

BATCHES: dict[Mode, dict[str, tuple[int, ...]]] = {
    "train": {
        "digits": (64, 32, 1024),
        "activity": (32,),
        "resnet18": (64,),
        "inception": (8,),
        "tinyyolo": (8,),
    },
    "infer": {
        "digits": (1, 8, 64),
        "activity": (1, 8, 32),
        "resnet18": (1, 8, 64),
        "inception": (1, 8),
        "tinyyolo": (1, 8),
    },
}
SWEPT = {"digits", "activity", "resnet18"}  # whose cost against the batch is measured


def tasks(workloads: list[str], threads: int) -> Iterator[Task]:
    """Every row, training first."""
    for mode, batches in BATCHES.items():
        for workload in workloads:
            for batch in batches[workload]:
                yield Task(workload, mode, batch, threads)


def sweep(workload: str) -> list[int]:
    """Batches from 1 to four times the usual one."""
    usual = WORKLOADS[workload].batch
    return [batch for batch in (4**power for power in range(9)) if batch <= 4 * usual]


def run(
    workloads: list[str], threads: int, plan: Plan, out: Path, say: Callable[[str], None],
    chosen: str = "all",
) -> None:  # fmt: skip
    """Measure all rows, and append each to the file as soon as it is there.

    Fewer threads, other batches and older instructions are measured of ours and of the peers that
    were best at the usual batch with everything.
    """
    append(out, machine.row(threads))
    detailed = dataclasses.replace(plan, latencies=LATENCIES)
    for task in tasks(workloads, threads):
        say(f"== {task.workload} {task.mode} {task.batch}")
        rows = compare(task, PRECISIONS, detailed, chosen=chosen, say=say)
        _keep(out, rows)
        if task.mode == "train" and task.batch == WORKLOADS[task.workload].batch:
            best = ",".join(dict.fromkeys(str(row["best_peer"]) for row in rows))
            _details(task, plan, out, best)


def _details(task: Task, plan: Plan, out: Path, best: str) -> None:
    """What only a usual task is measured for."""
    if task.threads > 1:
        single = task._replace(threads=1)
        _keep(out, compare(single, PRECISIONS, plan, chosen=best, section="threads"))
    for batch in sweep(task.workload) if task.workload in SWEPT else []:
        other = task._replace(batch=batch)
        _keep(out, compare(other, PRECISIONS, plan, chosen=best, section="sweep"))
    older = dataclasses.replace(plan, isa="avx2")
    chosen = f"torch eager,torch channels_last,{best}"
    _keep(out, compare(task, ["float32"], older, chosen=chosen, section="isa"))


def _keep(out: Path, rows: list[Row]) -> None:
    for row in rows:
        append(out, row)
