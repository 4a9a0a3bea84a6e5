"""Writes docs/benchmarks*.md: `python -m benchmarks.page benchmarks/results/*.jsonl`.

A file has the rows of one machine, which the page of its name shows; the overview sums them all up.
Every figure comes from there; of rows that were measured again the last one counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.machine_section import heading
from benchmarks.markdown import document, figure, grid
from benchmarks.measure import spread
from benchmarks.overview import overview
from benchmarks.reasons import REASONS
from benchmarks.workloads import WORKLOADS

Row = dict[str, Any]

ROOT = Path(__file__).parents[1]
FAMILIES = {
    "torch": "PyTorch", "jax": "JAX", "mlx": "MLX", "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}  # fmt: skip
BOUND = 0.75  # share of the speed of products above which little is left to win
PASSES = {"train": 3, "infer": 1}  # forward, and the gradients of data and of weights

INTRODUCTION = """\
Every figure of this machine. [Benchmarks](benchmarks.md) says how it was measured, and on what."""

OLDER = """\
## Older instructions

Training while products and convolutions are held to older instructions (`--isa avx2`); loops of
`mpsnn` between them, such as updates and neurons, cannot be."""

HALF = """\
## Sums in float16

Inference of four convolutions behind each other that add up in float16 (`accumulator="half"`), beside
usual ones, by `python -m benchmarks.half --out FILE`. Without AVX512-FP16 every sum is a plain loop."""


def read(path: Path) -> list[Row]:
    """Rows of the file, the last of each kind, in the order of the workloads and batches.

    One on fewer threads has, as "whole", that of all threads before it: of the same session, as
    times of two sessions do not compare.
    """
    rows: dict[tuple[object, ...], Row] = {}
    whole: dict[tuple[object, ...], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = tuple(row.get(name) for name in ("workload", "mode", "batch", "precision"))
        if row["section"] == "table":
            whole[key] = row
        elif row["section"] == "threads":
            row["whole"] = whole.get(key)
        rows[(*key, *(row.get(name) for name in ("section", "threads", "isa")))] = row
    return sorted(rows.values(), key=_place)


def _place(row: Row) -> tuple[bool, int, int]:
    """Training first."""
    order = list(WORKLOADS)
    at = order.index(row["workload"]) if row.get("workload") in order else len(order)
    return row.get("mode") != "train", at, row.get("batch", 0)


def page(name: str, rows: list[Row]) -> str:
    """All of the machine whose rows are in the file of that name."""
    table = [row for row in rows if row["section"] == "table"]
    parts = [f"# Benchmarks: {heading(name, table)}", INTRODUCTION]
    for mode, title in (("train", "Training"), ("infer", "Inference")):
        parts += [f"## {title}", _ratios([row for row in table if row["mode"] == mode])]
    parts += ["## Where mpsnn loses", _losses(name, table), *_other_losses(table)]
    parts += ["## The best of each library, ms a step", _families(table)]
    parts += ["## Memory, MiB", _memory(table)]
    parts += ["## Latency of single steps, ms", _latency(table)]
    parts += ["## Until the first step is done, s", _first_step(table)]
    parts += [
        "## One thread and all",
        _scaling([row for row in rows if row["section"] == "threads"]),
    ]
    parts += ["## Time against batch size", _sweep([r for r in rows if r["section"] == "sweep"])]
    parts += [OLDER, _older([row for row in rows if row["section"] == "isa"])]
    parts += [HALF, _half([row for row in rows if row["section"] == "half"])]
    return document(parts)


def pages(files: Iterable[Path]) -> dict[str, str]:
    """The overview of all machines and the page of each, by file name."""
    machines = {path.stem: read(path) for path in sorted(files)}
    own = {f"benchmarks-{name}.md": page(name, rows) for name, rows in machines.items()}
    return {"benchmarks.md": overview(machines), **own}


def title(row: Row) -> list[str]:
    """The first cells of a row."""
    return [row["workload"], str(row["batch"]), row["precision"]]


HEADS = ["workload", "batch", "ours in"]


def _ratios(rows: list[Row]) -> str:
    heads = [*HEADS, "ours, ms", "images/s", "product", "of product", "spread", "best peer", "its ms",
             "**ratio**", "memory ratio"]  # fmt: skip
    return grid(heads, ([*title(row), *_ratio_cells(row)] for row in rows))


def _product(row: Row) -> tuple[float | None, float | None]:
    """GFLOP/s of products between the rounds, and our share of that."""
    most = (row.get("steady") or {}).get("gflops", {}).get(row["precision"])
    rate = PASSES[row["mode"]] * row["flops"] * row["batch"] / row["ours_ms"] / 1e6
    return most, rate / most if most else None


def _ratio_cells(row: Row) -> list[str]:
    best = row["best_peer"]
    most, share = _product(row)
    return [
        figure(row["ours_ms"]),
        figure(1e3 * row["batch"] / row["ours_ms"]),
        figure(most),
        f"{share:.0%}" if share else "-",
        f"{spread(row['rounds_ms']['ours']):.0%}",
        label(best) if best else "-",
        figure(row["peers"].get(best)),
        f"**{row['ratio']:.2f}**" if best else "-",
        figure(row["memory_ratio"]),
    ]


def label(peer: str) -> str:
    """A contestant as the page calls it."""
    family, _, variant = peer.partition(" ")
    return f"{FAMILIES[family]} {variant}" if family in FAMILIES else peer


def _losses(name: str, table: list[Row]) -> str:
    lost = [row for row in table if row["ratio"] is not None and row["ratio"] < 1]
    if not lost:
        return "In no row of this run."
    body = []
    for row in lost:
        key = (name, row["workload"], row["mode"], row["batch"], row["precision"])
        cells = [*title(row), row["mode"], f"{row['ratio']:.2f}", label(row["best_peer"])]
        share = _product(row)[1] or 0.0
        bound = f"products are what takes the time: ours are at {share:.0%} of the machine's"
        unsaid = bound if share >= BOUND else "not explained yet"
        body.append([*cells, REASONS.get(key, unsaid)])
    return grid([*HEADS, "mode", "ratio", "to", "why"], body)


def _other_losses(table: list[Row]) -> Iterator[str]:
    """Rows that win, but not in all that is measured beside their time."""
    body = []
    for row in (row for row in table if row["best_peer"] and row["ratio"] >= 1):
        peer, latency = row["best_peer"], row["latency_ms"]
        pairs = {"the first step, s": [row["first_step_s"][name] for name in ("ours", peer)]}
        if "ours" in latency and peer in latency:
            pairs["half of single steps, ms"] = [latency[name]["p50"] for name in ("ours", peer)]
        body += [
            [row["mode"], *title(row), what, figure(own), label(peer), figure(its)]
            for what, (own, its) in pairs.items()
            if own > its
        ]
    if body:
        yield "In these rows something else takes longer than with the best peer:"
        yield grid(["mode", *HEADS, "what", "ours", "best peer", "its"], body)


def _families(table: list[Row]) -> str:
    """Times of the fastest variant of each library, in float32 and in less."""

    def best(row: Row, family: str) -> str:
        found = [ms for name, ms in row["peers"].items() if name.startswith(f"{family} ")]
        return figure(min(found, default=None))

    body = (
        [row["mode"], *title(row), figure(row["ours_ms"]), *(best(row, f) for f in FAMILIES)]
        for row in table
    )
    return grid(["mode", *HEADS, "mpsnn", *FAMILIES.values()], body)


def _memory(table: list[Row]) -> str:
    def least(row: Row, family: str) -> str:
        found = [n for name, n in row["peak_bytes"].items() if name.split()[0] == family]
        return figure(min(found, default=0) / 2**20) if found else "-"

    families = ["ours", *FAMILIES]
    body = ([row["mode"], *title(row), *(least(row, f) for f in families)] for row in table)
    return grid(["mode", *HEADS, "mpsnn", *FAMILIES.values()], body)


def _beside_best(cell: Callable[[Row, str], str], rows: list[Row], heads: list[str]) -> str:
    """A cell of ours and one of the best peer, for each row that has both."""
    body = [
        [row["mode"], *title(row), cell(row, "ours"), label(row["best_peer"]),
         cell(row, row["best_peer"])]
        for row in rows if row["best_peer"]
    ]  # fmt: skip
    return grid(["mode", *HEADS, *heads], body)


def _latency(table: list[Row]) -> str:
    def cell(row: Row, name: str) -> str:
        return " / ".join(figure(ms) for ms in row["latency_ms"].get(name, {}).values()) or "-"

    heads = ["ours: p50 / p90 / p99", "best peer", "its p50 / p90 / p99"]
    return _beside_best(cell, table, heads)


def _first_step(table: list[Row]) -> str:
    """Compilation, preparation and one step; torch.compile keeps part of its work on disk."""
    note = "Imports aside. What torch.compile finds in its cache on disk makes it look faster here.\n\n"
    heads = ["ours", "best peer", "its"]
    return note + _beside_best(lambda row, name: figure(row["first_step_s"][name]), table, heads)


def _scaling(rows: list[Row]) -> str:
    """Ours and the best peer on one thread, and their speed-up by all."""
    body = []
    for row in rows:
        all_ms, peer = row["whole"], row["best_peer"]
        if not all_ms or not peer:
            continue
        gains = [
            row["ours_ms"] / all_ms["ours_ms"],
            row["peers"][peer] / all_ms["peers"].get(peer, float("nan")),
        ]
        cells = [figure(row["ours_ms"]), f"{gains[0]:.2f}", label(peer)]
        cells += [figure(row["peers"][peer]), f"{gains[1]:.2f}", f"{row['ratio']:.2f}"]
        body.append([row["mode"], *title(row), *cells])
    heads = ["ours on 1, ms", "gain by all", "best peer", "on 1, ms", "gain by all", "ratio on 1"]
    return grid(["mode", *HEADS, *heads], body)


def _older(rows: list[Row]) -> str:
    """Training with fewer instructions."""
    body = (
        [row["isa"], *title(row), figure(row["ours_ms"]), label(row["best_peer"]),
         figure(row["peers"][row["best_peer"]]), f"{row['ratio']:.2f}"]
        for row in rows if row["best_peer"]
    )  # fmt: skip
    return grid(["instructions", *HEADS, "ours, ms", "best peer", "its ms", "ratio"], body)


def _half(rows: list[Row]) -> str:
    """Times of the ways to add up, and what did it in float16."""
    ways = ("float32", "bfloat16", "half")
    body = (
        [row["workload"], str(row["batch"]), *(figure(row["ms"].get(way)) for way in ways),
         figure(row["gflops"]["half"]), f"{row['ms']['float32'] / row['ms']['half']:.2g}", row["by"]]
        for row in rows
    )  # fmt: skip
    heads = ["convolutions", "batch", "float32, ms", "bfloat16, ms", "float16, ms", "its GFLOP/s"]
    return grid([*heads, "speed of float32", "by"], body)


def _sweep(rows: list[Row]) -> str:
    body = (
        [*title(row), figure(row["ours_ms"]), figure(1e3 * row["ours_ms"] / row["batch"]),
         label(row["best_peer"]) if row["best_peer"] else "-", figure(row["ratio"])]
        for row in rows
    )  # fmt: skip
    return grid([*HEADS, "ours, ms", "us an image", "best peer", "ratio"], body)


def main(
    results: Annotated[
        list[Path],
        typer.Argument(help="JSON lines of `python -m benchmarks --out`, a file a machine"),
    ],
    docs: Annotated[Path, typer.Option(help="the folder of the pages")] = ROOT / "docs",
) -> None:
    """Write the overview and the page of each machine from files of results."""
    for name, text in pages(results).items():
        (docs / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
