"""`python -m mpsnn.verify`: what its report says, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import mpsnn
from mpsnn.verify import checks, probes, rows, speed
from mpsnn.verify.__main__ import app

BACKEND = mpsnn.backend_names()[0]
SECTIONS = ("parity", "recorded", "gradients", "probes", "speed")
FEW = ("conv2d, 3x3", "conv2d, groups of 2", "dense of a vector", "gelu", "batch_norm")

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command, on few rows and without measuring speed unless asked to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rows, "ROWS", [row for row in rows.ROWS if row.name in FEW])

    def invoke(*arguments: object) -> Result:
        given = [str(argument) for argument in arguments]
        return CliRunner().invoke(
            app, given if "--seconds" in given else [*given, "--seconds", "0"]
        )

    return invoke


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def planted(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any]], list[Any]]) -> None:
    """Every pass on `BACKEND` gives what `change` makes of its results."""
    real, made = checks.Pass.__call__, checks.Pass.__init__

    def init(self: checks.Pass, row: rows.Row, backend: str) -> None:
        made(self, row, backend)
        self.backend = backend

    def call(self: checks.Pass, *arrays: Any) -> list[Any]:
        results = real(self, *arrays)
        return change(results) if self.backend == BACKEND else results

    monkeypatch.setattr(checks.Pass, "__init__", init)
    monkeypatch.setattr(checks.Pass, "__call__", call)


def test_the_report_says_what_was_compared_and_on_what(run: Run, tmp_path: Path) -> None:
    result = run("--backend", BACKEND, "--seconds", 0.01)
    assert result.exit_code == 0, result.output
    found = read(tmp_path / "mpsnn-verify")
    assert (found["finished"], found["passed"], found["backend"]) == (True, True, BACKEND)
    assert found["mpsnn"] == mpsnn.__version__
    assert {"machine", "system", "python", "numpy", "devices", "backends"} <= found.keys()
    assert [d["backend"] for d in found["devices"]] == [d.backend for d in mpsnn.devices()]
    names = {section: [row["name"] for row in found[section]] for section in SECTIONS}
    assert names["recorded"] == ["gelu"]
    assert set(names["gradients"]) == set(FEW)
    assert set(names["parity"]) == {*FEW, *(f"training, {o}" for o in checks.OPTIMIZERS)} - {"gelu"}
    assert names["probes"] == [probe.question for probe in probes.PROBES]
    assert all(row["ratio"] > 0 for row in found["speed"])
    assert len(found["speed"]) == len(speed.BATCHES)


def test_the_page_to_read_has_every_row_and_asks_to_be_attached(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    result = run("--backend", BACKEND, "--output", folder)
    found, page = read(folder), (folder / "report.md").read_text()
    for section in SECTIONS:
        assert all(f"| {row['name']} |" in page for row in found[section])
    for text in (page, result.output):
        assert "attach report.json and report.md to an issue" in text
    assert "**Passed.**" in page
    assert result.output.splitlines()[-2] == f"passed; the report is in {folder}"


@pytest.mark.skipif(BACKEND == "reference", reason="what is planted would be in both")
def test_a_wrong_gradient_fails(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, lambda results: [*results[:-1], results[-1] * 1.01])
    result = run("--backend", BACKEND)
    assert result.exit_code == 1
    found = read(tmp_path / "mpsnn-verify")
    assert not found["passed"]
    row = next(row for row in found["parity"] if row["name"] == "dense of a vector")
    assert row["status"] == "differs"
    assert row["where"] == "gradient of head"
    assert row["deviation"] == pytest.approx(0.01, rel=1e-3)
    assert "**Not passed.**" in (tmp_path / "mpsnn-verify" / "report.md").read_text()


@pytest.mark.skipif(BACKEND == "reference", reason="what is planted would be in both")
def test_a_result_that_is_not_finite_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, lambda results: [np.full_like(results[0], np.nan), *results[1:]])
    assert run("--backend", BACKEND).exit_code == 1
    assert read(tmp_path / "mpsnn-verify")["parity"][0]["reason"] == "not finite"


def test_a_wrong_gradient_of_the_reference_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checks.Pass.__call__

    def call(self: checks.Pass, *arrays: Any) -> list[Any]:
        results = real(self, *arrays)
        return [*results[:2], *(result * 1.001 for result in results[2:])]

    monkeypatch.setattr(checks.Pass, "__call__", call)
    assert run("--backend", "reference").exit_code == 1
    found = read(tmp_path / "mpsnn-verify")
    assert {row["status"] for row in found["parity"]} == {"agrees"}
    assert {row["status"] for row in found["gradients"]} == {"differs"}


def test_what_is_not_judged_fails_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checks.parity

    def parity(row: rows.Row, backend: str) -> checks.Outcome:
        wrong = {"status": "differs", "deviation": 0.5, "where": "loss"}
        return wrong if row.name == "gelu" else real(row, backend)

    monkeypatch.setattr(checks, "parity", parity)
    assert run("--backend", BACKEND).exit_code == 0
    assert read(tmp_path / "mpsnn-verify")["recorded"][0]["deviation"] == 0.5


def test_a_row_that_is_refused_is_listed_with_the_reason_and_one_that_fails_with_its_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checks.Pass.__init__

    def init(self: checks.Pass, row: rows.Row, backend: str) -> None:
        if row.name == "conv2d, groups of 2":
            raise mpsnn.UnsupportedError("backend 'x' cannot run:\n  %3 = conv2d()\n    too few")
        if row.name == "gelu":
            raise mpsnn.DeviceError("gone")
        made(self, row, backend)

    monkeypatch.setattr(checks.Pass, "__init__", init)
    assert run("--backend", BACKEND).exit_code == 1
    found = read(tmp_path / "mpsnn-verify")
    outcomes = {row["name"]: row for section in SECTIONS for row in found[section]}
    assert outcomes["conv2d, groups of 2"]["status"] == "refused"
    assert outcomes["conv2d, groups of 2"]["reason"] == "too few"
    assert outcomes["gelu"]["reason"] == "DeviceError: gone"


def test_a_report_that_was_cut_off_names_the_row(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checks.parity

    def parity(row: rows.Row, backend: str) -> checks.Outcome:
        if row.name == "dense of a vector":
            raise KeyboardInterrupt
        return real(row, backend)

    monkeypatch.setattr(checks, "parity", parity)
    assert run("--backend", BACKEND).exit_code == 130
    found = read(tmp_path / "mpsnn-verify")
    assert (found["finished"], found["under_way"]) == (False, "parity: dense of a vector")
    assert found["parity"]
    page = (tmp_path / "mpsnn-verify" / "report.md").read_text()
    assert "**Not finished.** Under way: parity: dense of a vector." in page


def test_rows_can_be_left_out(run: Run, tmp_path: Path) -> None:
    assert run("--backend", BACKEND, "--skip", "conv2d", "--skip", "training").exit_code == 0
    found = read(tmp_path / "mpsnn-verify")
    assert [row["name"] for row in found["parity"]] == ["dense of a vector", "batch_norm"]
    assert found["skipped"] == ["conv2d", "training"]
    assert "'conv2d' were left out" in (tmp_path / "mpsnn-verify" / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backend", "abacus"), "mpsnn: --backend abacus: there is no such backend; this build"),
        (("--backend", "cuda"), "mpsnn: --backend cuda: not written yet; this build has "),
        (("--output", "taken"), "mpsnn: --output taken: cannot be written: File exists"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "taken").write_text("")
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    keep = "dense of a vector"
    others = {row.name for row in rows.ROWS if row.name != keep and row.name not in keep}
    skipped = [part for name in sorted(others) for part in ("--skip", name)]
    done = subprocess.run(
        [sys.executable, "-m", "mpsnn.verify", "--backend", BACKEND, "--seconds", "0", *skipped],
        check=False, cwd=tmp_path, text=True, capture_output=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "  dense of a vector " in done.stdout
    assert read(tmp_path / "mpsnn-verify")["finished"]


def test_every_row_has_its_own_name() -> None:
    names = [row.name for row in rows.ROWS]
    assert len(names) == len(set(names))
