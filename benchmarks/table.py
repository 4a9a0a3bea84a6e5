"""The whole table: `python -m benchmarks --table --out benchmarks/results/NAME.jsonl`."""

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
    precisions = _possible(threads, plan)
    say(f"in {' and '.join(precisions)}")
    detailed = dataclasses.replace(plan, latencies=LATENCIES)
    for task in tasks(workloads, threads):
        say(f"== {task.workload} {task.mode} {task.batch}")
        rows = _measure(task, precisions, detailed, out, chosen=chosen, say=say)
        if task.mode == "train" and task.batch == WORKLOADS[task.workload].batch:
            best = ",".join(dict.fromkeys(str(row["best_peer"]) for row in rows))
            _details(task, precisions, plan, out, best, say)


def _possible(threads: int, plan: Plan) -> list[str]:
    """The precisions of ours on this machine; what no row counts is not waited for."""
    shortest = dataclasses.replace(plan, rounds=2, steady=0.0)
    rows = compare(Task("digits", "infer", 1, threads), PRECISIONS, shortest, chosen="")
    return [row["precision"] for row in rows]


def _details(
    task: Task, precisions: list[str], plan: Plan, out: Path, best: str, say: Callable[[str], None]
) -> None:
    """What only a usual task is measured for."""
    if task.threads > 1:
        single = task._replace(threads=1)
        _measure(single, precisions, plan, out, chosen=best, section="threads", say=say)
    for batch in sweep(task.workload) if task.workload in SWEPT else []:
        other = task._replace(batch=batch)
        _measure(other, precisions, plan, out, chosen=best, section="sweep", say=say)
    if "avx512f" not in machine.description()["extensions"]:
        return  # there are no older instructions to hold it to
    older = dataclasses.replace(plan, isa="avx2")
    chosen = f"torch eager,torch channels_last,{best}"
    _measure(task, ["float32"], older, out, chosen=chosen, section="isa", say=say)


def _measure(
    task: Task, precisions: list[str], plan: Plan, out: Path, *, say: Callable[[str], None],
    **options: str,
) -> list[Row]:  # fmt: skip
    """The rows, which are in the file too; none if ours cannot run it."""
    try:
        rows = compare(task, precisions, plan, say=say, **options)
    except SystemExit as reason:
        say(f"left out: {reason}")
        return []
    for row in rows:
        append(out, row)
    return rows
