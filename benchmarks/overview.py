"""The overview, docs/benchmarks.md: how it was measured, and the ratios of every machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.machine_section import heading, section
from benchmarks.markdown import document, grid
from benchmarks.reasons import NOTES

Row = dict[str, Any]

MODES = {"train": "training", "infer": "inference"}
PRECISIONS = ("bfloat16", "float32")

INTRODUCTION = """\
# Benchmarks

How fast `mpsnn` trains and infers on a CPU, and in how much memory, beside the best that a user can
get out of other libraries on the same machine and threads.

- Contestants run in processes of their own, in alternation: A B C, A B C, ... A figure is the median
  of the rounds; the spread is (largest - smallest) / median.
- All have the same network, weights and batches; `python -m benchmarks --check` compares their
  parameters and results. Each gets numpy batches ready in the layout that it likes best.
- The **ratio** is time of the best peer / ours: above 1 mpsnn is faster. Against our float32 only
  peers in float32 count. Against our bfloat16 every variant and precision counts.
- The **memory ratio** is our peak / the least of PyTorch's variants, of resident memory while steps
  run, libraries included: below 1 mpsnn needs less.
- A peer more than three times slower than the best one is measured for two rounds or fewer.
- **Of product**: what products and convolutions do in a second, counted thrice for a step of
  training, as a share of what products of square matrices in the same type reach between the rounds
  (by PyTorch, in the column before it, in GFLOP/s). It tells the state of the machine as well, which
  other guests of its host may slow down. Products of all taps count, so that Winograd's convolutions
  may be above 100%.

Here every machine has a table of its two ratios, of time and of memory; a `-` was not measured. All
its figures are on a page of its own."""

OTHER_MACHINES = """\
## Other machines

A figure holds for its machine. What to expect of another one depends on its instructions:

- Without AVX512-BF16 or AMX bfloat16 gains memory, and the time that it takes to read the weights
  of dense layers for few images; products are then in float32. An instruction of AVX512-BF16 has twice the
  multiply-adds of one in float32, and one of AMX many times as many. What `mpsnn` gained by bfloat16
  is said above the table of each machine.
- Products in float32, and convolutions but for those of 3 x 3 and 5 x 5 taps with stride 1, are
  mostly oneDNN's, which PyTorch has as well. Expect less of an advantage where they take nearly all
  of the time.
- How fast training is with products and convolutions held to AVX2 is at the end of the page of each
  machine on which it was measured."""

OWN = """\
On your own machine:

```sh
python -m benchmarks --workload digits --precision both
```"""


def overview(machines: Mapping[str, list[Row]]) -> str:
    """The whole page, from the rows of each file by its name."""
    parts = [INTRODUCTION]
    for name, rows in machines.items():
        told = [row for row in rows if row["section"] == "machine"]
        table = [row for row in rows if row["section"] == "table"]
        parts += [f"## {heading(name, table)}", section(name, told, table)]
        said = (_faster(table), _gain(table), NOTES.get(name, ""))
        parts += [" ".join(filter(None, said)), _summary(table)]
        parts += [f"[Every figure of this machine](benchmarks-{name}.md), and where `mpsnn` loses."]
    return document([*parts, OTHER_MACHINES, OWN])


def _faster(table: list[Row]) -> str:
    """In how many rows ours is."""
    counts = []
    for mode, word in MODES.items():
        ratios = [row["ratio"] for row in table if row["mode"] == mode and row["best_peer"]]
        if ratios:
            counts.append(f"{sum(r > 1 for r in ratios)} of {len(ratios)} rows of {word}")
    return f"`mpsnn` is faster than the best peer in {' and '.join(counts)}." if counts else ""


def _gain(table: list[Row]) -> str:
    """How much faster ours is in bfloat16 than in float32."""
    single = {_key(row)[:3]: row["ours_ms"] for row in table if row["precision"] == "float32"}
    reduced = {_key(row)[:3]: row["ours_ms"] for row in table if row["precision"] == "bfloat16"}
    gains = [single[task] / ms for task, ms in reduced.items() if task in single]
    if not gains:
        return ""
    return f"In bfloat16 it is {min(gains):.1f} to {max(gains):.1f} times as fast as in float32."


def _summary(table: list[Row]) -> str:
    """A line for each workload and batch: the ratios in both precisions."""
    rows = {_key(row): row for row in table}
    order = list(dict.fromkeys(row["workload"] for row in table))
    tasks = sorted({key[:2] for key in rows}, key=lambda task: (order.index(task[0]), task[1]))

    def cell(task: tuple[str, int], mode: str, ratio: str) -> str:
        found = [rows.get((*task, mode, precision), {}).get(ratio) for precision in PRECISIONS]
        both = ["-" if value is None else f"{value:.2f}" for value in found]
        return "-" if found == [None, None] else " / ".join(both)

    columns = [(mode, ratio) for ratio in ("ratio", "memory_ratio") for mode in MODES]
    body = ([task[0], str(task[1]), *(cell(task, *column) for column in columns)] for task in tasks)
    kinds = [f"{what}{word}" for what in ("", "memory of ") for word in MODES.values()]
    heads = [f"{kind}, {' / '.join(PRECISIONS)}" for kind in kinds]
    return grid(["workload", "batch", *heads], body)


def _key(row: Row) -> tuple[str, int, str, str]:
    return row["workload"], row["batch"], row["mode"], row["precision"]
