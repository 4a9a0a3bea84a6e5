"""The benchmarks' rows and pages: they say what was compared, and the pages are those of the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mpsnn

pytest.importorskip("benchmarks", reason="these tests are not in a source tree")
from benchmarks import half, measure, page
from benchmarks.contestant import Task
from benchmarks.driver import Measured
from benchmarks.markdown import figure
from benchmarks.reasons import GENERATIONS

ROOT = Path(__file__).parents[1]
TASK = Task("digits", "train", 64, 1)


def measured() -> dict[str, Measured]:
    """As the driver hands it over."""
    return {
        "ours float32": Measured([10.0, 12.0, 11.0], [11.0, 12.0], 60 * 2**20, 0.5, 7),
        "ours bfloat16": Measured([5.0, 5.0, 5.0], [5.0, 6.0], 40 * 2**20, 0.5, 7),
        "torch eager": Measured([22.0, 22.0, 22.0], [], 100 * 2**20, 0.2, 7),
        "torch autocast": Measured([4.0, 4.0, 4.0], [4.0, 4.5], 80 * 2**20, 0.2, 7),
        "mlx float32": Measured([300.0], [], 90 * 2**20, 0.2, 7, "too slow"),
    }


def recorded(precision: str) -> dict[str, Any]:
    """A row as it is in a file of results."""
    machine = {
        "processor": "Abacus 3", "extensions": ["avx2"], "processors": 2, "memory_gib": 4,
        "system": "Linux x86_64",
    }  # fmt: skip
    row = measure.row(TASK, precision, measured())
    more = {"date": "2026-01-02", "machine": machine, "versions": {"torch": "9"}, "missing": {}}
    return {"section": "table", **row, **more}


def test_a_row_has_the_best_peer_of_its_precision() -> None:
    row = recorded("float32")
    assert (row["best_peer"], row["ratio"], row["memory_ratio"]) == ("torch eager", 2.0, 0.6)
    row = recorded("bfloat16")
    assert (row["best_peer"], row["ratio"], row["memory_ratio"]) == ("torch autocast", 0.8, 0.5)
    assert row["latency_ms"]["ours"]["p50"] == 5.5


def results(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    """A file of them."""
    path = folder / f"{name}.jsonl"
    for row in rows:
        measure.append(path, row)
    return path


def test_a_page_shows_the_rows_of_a_file_and_of_repeated_ones_the_last(tmp_path: Path) -> None:
    again = {**recorded("float32"), "ratio": 9.0}
    path = results(tmp_path, "abacus", again, recorded("float32"), recorded("bfloat16"))
    text = page.pages([path])["benchmarks-abacus.md"]
    assert "# Benchmarks: Abacus 3 with AVX2\n" in text
    assert "| digits | 64 | float32 | 11 |" in text
    assert "**2.00**" in text
    assert "**9.00**" not in text
    loss = "| digits | 64 | bfloat16 | train | 0.80 | PyTorch autocast | not explained yet |"
    assert loss in text


def test_one_thread_is_compared_with_all_of_its_session_and_workloads_have_an_order(
    tmp_path: Path,
) -> None:
    whole = {**recorded("float32"), "ours_ms": 10.0}
    single = {**whole, "section": "threads", "threads": 1, "ours_ms": 17.0}
    again = {**whole, "ours_ms": 2.0}
    last = {**whole, "workload": "resnet18"}
    text = page.pages([results(tmp_path, "abacus", last, whole, single, again)])
    of_machine = text["benchmarks-abacus.md"]
    assert "| train | digits | 64 | float32 | 17 | 1.70 |" in of_machine
    assert of_machine.index("| digits | 64 |") < of_machine.index("| resnet18 | 64 |")


def test_a_row_that_wins_but_not_in_all_is_among_the_losses(tmp_path: Path) -> None:
    row = recorded("float32")
    row["latency_ms"] = {**row["latency_ms"], "torch eager": {"p50": 11.0, "p90": 12, "p99": 13}}
    text = page.pages([results(tmp_path, "abacus", row)])["benchmarks-abacus.md"]
    losses = text[text.index("## Where mpsnn loses") : text.index("## The best of each")]
    assert "In no row of this run." in losses
    begin = "| train | digits | 64 | float32 |"
    assert f"{begin} the first step, s | 0.5 | PyTorch eager | 0.2 |" in losses
    assert f"{begin} half of single steps, ms | 11.5 | PyTorch eager | 11 |" in losses
    row["latency_ms"]["torch eager"]["p50"] = 11.6
    text = page.pages([results(tmp_path, "abacus", row)])["benchmarks-abacus.md"]
    assert "half of single steps" not in text


def test_sums_in_float16_are_on_the_page_of_their_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cpu" not in mpsnn.backend_names():
        pytest.skip("needs the cpu backend")
    path = results(tmp_path, "abacus", recorded("float32"))
    monkeypatch.setattr(half, "SHAPES", [(6, 3, 3), (5, 2, 1)])
    half.main(batch=2, threads=1, rounds=1, out=path)
    rows = [json.loads(line) for line in path.read_text().splitlines()][1:]
    assert all(set(row["ms"]) == {"float32", "bfloat16", "half"} for row in rows)
    text = page.pages([path])["benchmarks-abacus.md"]
    of_half = text[text.index("## Sums in float16") :]
    for row, shape in zip(
        rows, ("3 x 3, 3 channels, 6 x 6", "1 x 1, 2 channels, 5 x 5"), strict=True
    ):
        assert f"| {shape} | 2 | {figure(row['ms']['float32'])} |" in of_half
        assert f"| {row['by']} |" in of_half
        assert "half" in row["by"]


def test_a_reason_holds_on_the_machine_where_it_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ("abacus", "digits", "train", 64, "bfloat16")
    monkeypatch.setitem(page.REASONS, key, "its beads stick")
    monkeypatch.setitem(GENERATIONS, "abacus", "Wood 2")
    files = [results(tmp_path, name, recorded("bfloat16")) for name in ("abacus", "sliderule")]
    texts = page.pages(files)
    assert "# Benchmarks: Abacus 3, Wood 2 with AVX2\n" in texts["benchmarks-abacus.md"]
    assert "| its beads stick |" in texts["benchmarks-abacus.md"]
    assert "| not explained yet |" in texts["benchmarks-sliderule.md"]


def test_the_overview_has_every_machine_with_its_ratios_and_a_link(tmp_path: Path) -> None:
    peak = {"by": "numpy", "float32_gflops": 90.0, "small_copy_gbs": 9.0, "large_copy_gbs": 4.0}
    known = {"section": "machine", "peak": peak}
    first = results(tmp_path, "abacus", known, recorded("float32"), recorded("bfloat16"))
    other = recorded("float32")
    other["machine"] = {**other["machine"], "extensions": ["avx2", "avx512f", "avx512_bf16"]}
    inferred = {**other, "mode": "infer", "batch": 8, "ratio": None, "memory_ratio": None}
    second = results(tmp_path, "sliderule", {**inferred, "best_peer": None}, other)
    page.main([second, first], tmp_path)
    assert {path.name for path in tmp_path.glob("*.md")} == {
        "benchmarks.md", "benchmarks-abacus.md", "benchmarks-sliderule.md"
    }  # fmt: skip
    _, one, two = (tmp_path / "benchmarks.md").read_text().split("## Abacus 3 with ")
    assert one.startswith("AVX2\n")
    assert "Peak of products by numpy: 90 GFLOP/s" in one
    assert "in 1 of 2 rows of training. In bfloat16 it is 2.2 to 2.2 times as fast" in one
    assert "| digits | 64 | 0.80 / 2.00 | - | 0.50 / 0.60 | - |" in one
    assert "(benchmarks-abacus.md)" in one
    assert two.startswith("AVX512-BF16\n")
    assert "in 1 of 1 rows of training.\n" in two
    assert "| digits | 8 | - | - | - | - |\n| digits | 64 | - / 2.00 | - | - / 0.60 | - |" in two
    assert "(benchmarks-sliderule.md)" in two


def test_the_pages_of_the_documentation_are_those_of_the_recorded_results() -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("*.jsonl"))
    assert {key[0] for key in page.REASONS} <= {path.stem for path in files}
    written = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "docs").glob("benchmarks*.md")
    }
    made = page.pages(files)
    assert made.keys() == written.keys()
    for name, text in made.items():
        assert text == written[name], "python -m benchmarks.page benchmarks/results/*.jsonl"
