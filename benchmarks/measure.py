"""One comparison: ours beside every peer, as a row for each of our precisions."""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import contestants, driver, machine
from benchmarks.contestant import Task
from benchmarks.driver import Measured, Plan
from benchmarks.networks import flops
from benchmarks.steady import steadiness
from benchmarks.workloads import WORKLOADS

Row = dict[str, Any]


def compare(
    task: Task,
    precisions: list[str],
    plan: Plan,
    *,
    chosen: str = "all",
    section: str = "table",
    say: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measure all in one alternation; a row for each precision of ours that could be measured.

    Raises:
        SystemExit: If none could.
    """
    names = contestants.peers(task.workload, task.mode, precisions, chosen)
    ours = [f"ours {precision}" for precision in precisions]
    with steadiness(task.threads, plan.steady, plan.patience) as machine_state:
        measured, missing = driver.alternate([*ours, *names], task, plan, machine_state, say)
    if not measured.keys() & set(ours):
        raise SystemExit(f"mpsnn itself failed: {missing[ours[0]]}")
    common = {
        "section": section,
        "isa": plan.isa,
        "date": datetime.date.today().isoformat(),
        "missing": missing,
        "steady": machine_state.record(),
        "machine": machine.description(),
        "versions": machine.versions(plan.pythons),
    }
    return [{**row(task, name.split()[1], measured), **common} for name in ours if name in measured]


def row(task: Task, precision: str, measured: Mapping[str, Measured]) -> Row:
    """Our figures in that precision, and those of the peers that it is compared with.

    The ratio is best peer / ours in time, so more than 1 where mpsnn is faster; and in memory ours
    / the least of PyTorch's, so less than 1 where mpsnn needs less.
    """
    own = measured[f"ours {precision}"]
    peers = {
        name: m
        for name, m in measured.items()
        if not name.startswith("ours")
        and (precision != "float32" or not contestants.is_reduced(name))
    }
    medians = {name: m.median for name, m in peers.items()}
    whole = {name: ms for name, ms in medians.items() if not peers[name].stopped}
    best = min(whole, key=lambda name: whole[name], default=None)
    known = WORKLOADS.get(task.workload)
    least = min((m.peak_bytes for n, m in peers.items() if n.startswith("torch ")), default=0)
    every = {"ours": own, **peers}
    return {
        **task._asdict(),
        "precision": precision,
        "flops": flops(known.network()) if known else None,  # of one image, forward
        "ours_ms": own.median,
        "peers": medians,
        "best_peer": best,
        "ratio": medians[best] / own.median if best else None,
        "memory_ratio": own.peak_bytes / least if least else None,
        "stopped": {name: m.stopped for name, m in peers.items() if m.stopped},
        "rounds_ms": {name: m.ms for name, m in every.items()},
        "latency_ms": {n: quantiles(m.latencies_ms) for n, m in every.items() if m.latencies_ms},
        "peak_bytes": {name: m.peak_bytes for name, m in every.items()},
        "first_step_s": {name: m.first_step_s for name, m in every.items()},
        "parameters": {name: m.parameters for name, m in every.items()},
    }


def append(path: Path, row: Row) -> None:
    """Add the row to a file of JSON lines, its figures with four digits."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(_rounded(row)) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def quantiles(ms: list[float]) -> dict[str, float]:
    """What half, nine tenths and 99 of 100 steps stay under."""
    if len(ms) < 2:
        return {"p50": ms[0], "p90": ms[0], "p99": ms[0]}
    cuts = statistics.quantiles(ms, n=100, method="inclusive")
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98]}


def spread(ms: list[float]) -> float:
    """Of the rounds: (largest - smallest) / median."""
    return (max(ms) - min(ms)) / statistics.median(ms)
