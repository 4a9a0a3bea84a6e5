"""The part of the overview that says on what it was measured."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.markdown import figure
from benchmarks.reasons import GENERATIONS

Row = dict[str, Any]


# What a processor multiplies with, the most first.
PRODUCTS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX-512", "avx2": "AVX2"}


def heading(name: str, table: list[Row]) -> str:
    """The processor and the most that it multiplies with; the name of its file without rows."""
    if not table:
        return name
    told = table[-1]["machine"]
    most = next((word for flag, word in PRODUCTS.items() if flag in told["extensions"]), None)
    processor = ", ".join(filter(None, (told["processor"], GENERATIONS.get(name))))
    return f"{processor} with {most}" if most else processor


def section(name: str, machines: list[Row], table: list[Row]) -> str:
    """From rows of the section machine, and those of the table, in the file of that name."""
    if not table:
        return "Nothing was measured yet."
    last = max(table, key=lambda row: str(row["date"]))
    told = last["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    command = f"python -m benchmarks --out benchmarks/results/{name}.jsonl"
    peers = sorted({name for row in table for name in row["peers"]})
    spread = max(
        (max(times) - min(times)) / statistics.median(times)
        for row in table
        for times in row["rounds_ms"].values()
    )
    extensions = ", ".join(told["extensions"]) or "no vector extensions known"
    lines = [
        f"- Measured on {last['date']} by `{command}`, {last['threads']} threads, with the options of "
        + "each row; `--table` is all rows with all peers.",
        f"- Peers in these rows: {', '.join(peers)}. Others were not measured in them.",
        f"- The largest spread of a contestant is {spread:.0%}: the less it is, the more a ratio says.",
        f"- {told['processor']}, {told['processors']} processors, {told['memory_gib']} GiB, "
        + f"{told['system']}, {extensions}.",
        f"- {versions}.",
    ]
    for least in sorted({row["steady"]["least"] for row in table if row.get("steady")} - {0.0}):
        dropped = [
            row["steady"]["dropped"]
            for row in table
            if (row.get("steady") or {}).get("least") == least
        ]
        lines.append(
            f"- In {len(dropped)} rows only rounds count before and after which a product reached "
            f"{figure(least)} GFLOP/s; {sum(dropped)} did not."
        )
    for row in machines[-1:]:
        found = row["peak"]
        bfloat16 = found.get("bfloat16_gflops")
        lines.append(
            f"- Peak of products by {found['by']}: {figure(found['float32_gflops'])} GFLOP/s in "
            f"float32{f', {figure(bfloat16)} in bfloat16' if bfloat16 else ''}; "
            "copies, reading and writing: "
            f"{figure(found['small_copy_gbs'])} GB/s in cache, "
            f"{figure(found['large_copy_gbs'])} GB/s in memory."
        )
    return "\n".join(lines)
