"""`mpsnn train detection` and `mpsnn train inception`, on few and small pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import mpsnn
from mpsnn import cli_detection, cli_inception, cli_report, data, detection, io, layers, models
from mpsnn.cli import app

KEYS = (
    *("example", "backend", "precision", "epochs", "steps"),
    *("test_map50", "final_loss", "tiles_per_second", "seconds"),
    *("compile_seconds", "memory"),
)
Run = Callable[..., Result]


def narrow(graph: mpsnn.Graph, grid: detection.Grid) -> detection.Detector:
    return detection.detector(graph, grid, (4, 4, 8, 8))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on 6 tiles of 64 pixels and a narrow network, with a test on 3."""
    tiles = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), np.uint8)
    boxes = tuple(np.array([[8, 4, 40, 30], [30, 20, 62 - i, 60]], np.float32) for i in range(9))
    small = data.Trees(tiles[:6], boxes[:6], tiles[6:], boxes[6:])
    monkeypatch.setattr(data, "trees", lambda: small)
    monkeypatch.setattr(cli_detection, "detector", narrow)
    quick = dataclasses.replace(cli_detection.DETECTION, batch=4, epochs=4, epochs_per_test=3)
    monkeypatch.setattr(cli_detection, "DETECTION", quick)

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


def summary(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_tests_now_and_then_and_at_the_end_and_draws_the_boxes(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "boxes.png"
    result = run("train", "detection", "--json", "--seed", 1, "--plot", picture)
    found = summary(result)
    assert tuple(found) == KEYS
    assert found["example"] == "detection"
    assert (found["epochs"], found["steps"]) == (4, 8)
    assert 0 <= found["test_map50"] <= 1
    assert found["final_loss"] > 0
    assert found["tiles_per_second"] > 0
    lines = result.stderr.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["3/4", "4/4"]
    assert sum("test mAP at IoU 0.5" in line for line in lines) == 2
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_run_goes_on_bit_for_bit_with_its_schedule(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = tmp_path / "whole", tmp_path / "stopped"
    run("train", "detection", "--save", whole)

    def interrupt(self: cli_report.Lines, loss: float, rate: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli_report.Lines, "step", interrupt)
        result = run("train", "detection", "--save", path)
    assert result.exit_code == 130
    assert f"saved to {path}" in result.stdout
    resumed = run("train", "detection", "--resume", path, "--save", path, "--json")
    assert summary(resumed)["steps"] == 8
    tensors, expected = io.read_file(path)[0], io.read_file(whole)[0]
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)


def test_an_option_that_cannot_be_ends_with_2(run: Run) -> None:
    result = run("train", "detection", "--batch", 7)
    assert result.exit_code == 2
    assert "--batch 7: there are 6 training tiles" in result.stderr
    result = run("train", "inception", "--precision", "half")
    assert result.exit_code == 2
    assert "--precision half: must be float32" in result.stderr


@pytest.fixture
def small_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 8 x 8 pixels, and a network of one layer."""

    def small(x: mpsnn.Value, classes: int) -> models.InceptionLogits:
        return models.InceptionLogits(layers.Dense(classes)(x), layers.Dense(classes)(x))

    monkeypatch.setattr(models, "inception_v3_with_auxiliary", small)
    monkeypatch.setattr(cli_inception, "SIZE", 8)
    monkeypatch.setattr(cli_inception, "CLASSES", 10)


@pytest.mark.usefixtures("small_inception")
def test_inception_reports_its_speed_after_so_many_iterations(run: Run) -> None:
    found = summary(run("train", "inception", "--iterations", 40, "--batch", 3, "--json"))
    assert tuple(found) == (
        *("example", "backend", "precision", "batch", "iterations", "first_loss", "final_loss"),
        *("images_per_second", "seconds", "compile_seconds", "memory"),
    )
    assert (found["example"], found["batch"], found["iterations"]) == ("inception", 3, 40)
    assert found["final_loss"] < found["first_loss"], "it learns the images by heart"
    assert found["images_per_second"] == pytest.approx(3 * 40 / found["seconds"])
    assert 0 < found["memory"]["arena_bytes"] < found["memory"]["peak_bytes"]
    text = run("train", "inception", "--iterations", 2).stdout
    assert text.startswith("2 iterations  loss ")
    assert "images/s" in text
    assert "compiled in " in text


@pytest.mark.usefixtures("small_inception")
def test_a_timeline_shows_steps_and_the_views_prepared_during_them(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    result = run("train", "inception", "--iterations", 5, "--trace", path)
    assert result.exit_code == 0, result.output
    assert sum(name.startswith("step ") for name in events(path)) == 5
    result = run("train", "detection", "--epochs", 3, "--trace", path)
    assert result.exit_code == 0, result.output
    names = events(path)
    assert sum(name.startswith("step ") for name in names) == 6
    assert [name for name in names if name.startswith("prepare")] == 3 * [
        "prepare batch 0",
        "prepare batch 1",
    ]


def events(path: Path) -> list[str]:
    """Names of what a timeline has, in the order in which it ended."""
    return [e["name"] for e in json.loads(path.read_text())["traceEvents"] if e["ph"] == "X"]


@pytest.mark.usefixtures("small_inception")
def test_inception_can_be_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: cli_report.Lines, loss: float, rate: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_report.Lines, "step", interrupt)
    result = run("train", "inception", "--iterations", 9)
    assert result.exit_code == 130
    assert "interrupted at step" in result.stdout
