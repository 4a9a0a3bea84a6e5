"""What a training run prints."""

from __future__ import annotations

import numpy as np
import pytest

from mpsnn import cli_report, plots


def test_a_confusion_matrix_counts_true_classes_in_rows() -> None:
    matrix = plots.confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]


def test_a_class_that_is_never_found_has_no_precision() -> None:
    matrix = np.array([[2, 1, 0], [0, 4, 0], [0, 0, 0]])
    rows = cli_report.per_class(("a", "b", "c"), matrix)
    assert rows["a"] == {"examples": 3, "recall": 2 / 3, "precision": 1.0}
    assert rows["b"] == {"examples": 4, "recall": 1.0, "precision": 0.8}
    assert rows["c"] == {"examples": 0, "recall": None, "precision": None}
    assert cli_report.class_table(("a", "b", "c"), matrix).splitlines() == [
        "class  examples  recall  precision",
        "a             3   66.7%     100.0%",
        "b             4  100.0%      80.0%",
        "c             0       -          -",
    ]


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    console = Console(force_terminal=True, width=100)
    with cli_report.report(console, steps=4, done=1) as report:
        report.step(0.5, 1234.0)
        report.say("epoch 1/1 [done]")
    shown = capsys.readouterr().out
    assert "2/4" in shown
    assert "loss 0.5000" in shown
    assert "1,234 images/s" in shown
    assert "epoch 1/1 [done]" in shown


def test_lines_of_steps_appear_only_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    now = 0.0
    monkeypatch.setattr(cli_report, "monotonic", lambda: now)
    with cli_report.report(Console(), steps=40, done=0) as report:
        for now in (1.0, 9.0, 10.0, 11.0):  # noqa: B007  (read by the clock)
            report.step(0.25, 8.0)
    assert capsys.readouterr().out == "step 3/40  loss 0.2500  8 images/s  123 s left\n"


def test_the_costs_of_a_run_are_a_line() -> None:
    step = {
        "arena_bytes": 10_240_000,
        "parameter_bytes": 40_000,
        "state_bytes": 80_000,
        "packed_bytes": 1,
    }
    memory = cli_report.memory(step)
    assert memory.pop("peak_bytes") > 1 << 20
    assert cli_report.costs(0.126, {**memory, "peak_bytes": 1_234_500_000}) == (
        "compiled in 0.13 s; 1,234.5 MB of memory at most, among them parameters 0.0 MB, "
        "optimizer state 0.1 MB, intermediate values 10.2 MB"
    )
