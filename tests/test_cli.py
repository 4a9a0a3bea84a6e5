from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import mpsnn
from mpsnn import cli_report, cli_tasks, data, io, layers, models, plots
from mpsnn.cli import app

KEYS = (
    *("example", "backend", "precision", "epochs", "steps"),
    *("test_accuracy", "final_loss", "images_per_second", "seconds"),
    *("compile_seconds", "memory"),
)
Run = Callable[..., Result]


def small_model(graph: mpsnn.Graph) -> models.Classifier:
    images = graph.input(28, 28, 1, dtype="uint8", scale=1 / 255)
    labels = graph.labels(10)
    x = graph.dropout(layers.AvgPool2d(4)(images), 0.1)
    return models.Classifier(images, labels, layers.Dense(10)(x))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on 600 digits and a network of one layer."""
    all_digits = data.digits()
    few = data.Digits(*(getattr(all_digits, f.name)[:600] for f in dataclasses.fields(all_digits)))
    monkeypatch.setattr(data, "digits", lambda: few)
    monkeypatch.setattr(models, "digits", small_model)
    quick = dataclasses.replace(cli_tasks.DIGITS, optimizer=cli_tasks.decaying(0.02, 0.8))
    monkeypatch.setattr(cli_tasks, "DIGITS", quick)

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


def summary(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_training_prints_a_line_per_epoch_and_learns(run: Run) -> None:
    result = run("train", "digits", "--epochs", 2)
    assert result.exit_code == 0, result.output
    first, second, costs = result.stdout.splitlines()
    assert first.startswith("epoch 1/2  loss ")
    assert "test accuracy" in second
    assert second.endswith("images/s")
    assert costs.startswith("compiled in ")


def test_json_is_the_only_line_on_stdout_and_has_exactly_these_keys(run: Run) -> None:
    result = run("train", "digits", "--epochs", 3, "--json", "--seed", 1, "--batch", 100)
    found = summary(result)
    assert tuple(found) == KEYS
    assert found["example"] == "digits"
    assert found["backend"] == mpsnn.backend_names()[0]
    assert found["precision"] == "float32"
    assert (found["epochs"], found["steps"]) == (3, 18)
    assert 0.5 < found["test_accuracy"] <= 1
    assert found["final_loss"] < math.log(10), "better than a guess"
    assert min(found[key] for key in ("images_per_second", "seconds", "compile_seconds")) > 0
    memory = found["memory"]
    assert memory["state_bytes"] == 2 * memory["parameter_bytes"], "Adam's two moments"
    assert 0 < memory["arena_bytes"] < memory["peak_bytes"]
    assert "epoch 3/3" in result.stderr


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="needs the cpu backend")
def test_training_in_float16_learns_as_well(run: Run) -> None:
    options = ("--epochs", 3, "--json", "--backend", "cpu")
    wide = summary(run("train", "digits", *options))
    half = summary(run("train", "digits", *options, "--precision", "float16"))
    assert (half["precision"], half["steps"]) == ("float16", wide["steps"])
    assert abs(half["final_loss"] - wide["final_loss"]) < 0.05  # a first step may be skipped


def test_the_same_seed_gives_the_same_result(run: Run) -> None:
    first, again, other = (
        summary(run("train", "digits", "--epochs", 1, "--json", "--seed", seed))["final_loss"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_training_stops_after_the_epoch_that_reaches_the_target(run: Run) -> None:
    result = run("train", "digits", "--epochs", 50, "--target-accuracy", 0.3, "--json")
    assert 1 <= summary(result)["epochs"] < 50
    assert "reached the target accuracy of 30.00%" in result.stderr


def test_a_resumed_run_ends_with_the_same_weights(run: Run, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    straight = summary(
        run("train", "digits", "--epochs", 3, "--seed", 4, "--batch", 70, "--save", whole, "--json")
    )
    run("train", "digits", "--epochs", 1, "--seed", 4, "--batch", 70, "--save", parts)
    resumed = summary(
        run("train", "digits", "--epochs", 3, "--resume", parts, "--save", parts, "--json")
    )
    for key in ("epochs", "steps", "test_accuracy", "final_loss"):
        assert resumed[key] == straight[key]
    tensors, expected = io.read_file(parts)[0], io.read_file(whole)[0]
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)


def test_resuming_a_finished_run_tests_and_trains_nothing(run: Run, tmp_path: Path) -> None:
    run("train", "digits", "--epochs", 1, "--save", tmp_path / "a")
    result = run("train", "digits", "--epochs", 1, "--resume", tmp_path / "a", "--json")
    found = summary(result)
    assert (found["epochs"], found["final_loss"], found["images_per_second"]) == (1, None, None)
    assert "nothing left to train after 1 epochs" in result.stderr


def test_ctrl_c_saves_says_where_and_the_rest_follows_bit_for_bit(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = tmp_path / "whole", tmp_path / "stopped"
    run("train", "digits", "--epochs", 2, "--save", whole)

    def interrupt(self: cli_report.Lines, loss: float, rate: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli_report.Lines, "step", interrupt)
        result = run("train", "digits", "--epochs", 2, "--save", path)
    assert result.exit_code == 130
    step = io.read_metadata(path)["step"]
    assert 1 <= int(step) <= 3
    assert f"interrupted at step {step}; saved to {path}" in result.stdout
    run("train", "digits", "--epochs", 2, "--resume", path, "--save", path)
    tensors, expected = io.read_file(path)[0], io.read_file(whole)[0]
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)


def test_a_real_interrupt_ends_the_process_with_130(tmp_path: Path) -> None:
    path = tmp_path / "net"
    # A background job of a shell, which this test may be part of, ignores Ctrl-C, and so do its
    # children unless they ask for it.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from mpsnn import cli, cli_report; cli_report.SECONDS_BETWEEN_LINES = 0; cli.app()"
    )
    command = [sys.executable, "-c", program, "train", "digits", "--epochs", "1000"]
    with subprocess.Popen(
        [*command, "--batch", "2", "--save", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert first.startswith("step 1/"), errors
    assert process.returncode == 130, errors
    assert f"saved to {path}" in rest
    assert int(io.read_metadata(path)["step"]) > 0
    assert errors == ""


def test_a_plot_is_a_png(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture"
    result = run("train", "digits", "--epochs", 1, "--plot", path)
    assert f"plotted to {path}" in result.stdout
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_missing_matplotlib_is_reported_before_training(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    result = run("train", "digits", "--plot", tmp_path / "a.png")
    assert result.exit_code == 2
    assert result.stderr == (
        "mpsnn: --plot: plots need matplotlib, which is not installed: pip install mpsnn[plot]\n"
    )
    assert result.stdout == ""


def test_a_trace_shows_loader_caller_and_engine_also_after_ctrl_c(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    assert run("train", "digits", "--epochs", 2, "--trace", path).exit_code == 0
    names = [event["name"] for event in json.loads(path.read_text())["traceEvents"]]
    assert names.count("thread_name") >= 3
    assert names.count("prepare batch 9") == 2
    assert {"wait for a place", "copy batch 19", "step 19"} <= {*names}

    def interrupt(self: cli_report.Lines, loss: float, rate: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_report.Lines, "step", interrupt)
    assert run("train", "digits", "--trace", path).exit_code == 130
    assert "step 0" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "abacus"], "--backend abacus: there is no such backend; this build has"),
        (["--precision", "half"], "--precision half: must be float32, bfloat16 or float16"),
        (
            ["--precision", "float16", "--backend", "reference"],
            "--precision: backend 'reference' has no float16",
        ),
        (["--save", "/none/net"], "--save /none/net: cannot be written: No such file"),
        (["--save", "/"], "--save /: cannot be written"),
        (["--plot", "/none/a.png"], "--plot /none/a.png: cannot be written: No such file"),
        (["--trace", "/none/a.json"], "--trace /none/a.json: cannot be written: No such file"),
        (["--resume", "/none/net"], "--resume /none/net: cannot be read: No such file"),
        (["--resume", __file__], "test_cli.py: is damaged or no safetensors file"),
        (["--batch", "601"], "--batch 601: there are 600 training images"),
        (["--batch", "0"], "Invalid value for '--batch'"),
        (["--epochs", "0"], "Invalid value for '--epochs'"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--seed", str(2**64)], "Invalid value for '--seed'"),
        (["--target-accuracy", "97"], "Invalid value for '--target-accuracy'"),
    ],
)
def test_an_option_that_cannot_be_ends_with_2_before_training(
    run: Run, arguments: list[str], message: str
) -> None:
    result = run("train", "digits", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_checkpoint_keeps_its_seed_and_batch(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "net"
    run("train", "digits", "--epochs", 1, "--seed", 3, "--save", path)
    result = run("train", "digits", "--resume", path, "--seed", 4)
    assert result.exit_code == 2
    assert result.stderr == f"mpsnn: --seed 4: {path} was trained with 3\n"
    result = run("train", "digits", "--resume", path, "--batch", 32)
    assert result.stderr == f"mpsnn: --batch 32: {path} was trained with 64\n"


def test_what_fails_while_training_ends_with_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dataclasses.replace(data.digits(), train_labels=np.full(600, 12, np.uint8))
    monkeypatch.setattr(data, "digits", lambda: wrong)
    result = run("train", "digits")
    assert result.exit_code == 1
    assert result.stderr.startswith("mpsnn: labels: ")
    assert "12" in result.stderr


def test_info_lists_every_backend_and_why_some_are_missing(run: Run) -> None:
    found = summary(run("info", "--json"))
    assert found["version"] == mpsnn.__version__
    assert found["cpu_count"] >= 1
    available = [row["name"] for row in found["backends"] if row["available"]]
    assert available == mpsnn.backend_names()
    assert all(row["detail"] for row in found["backends"])
    text = run("info").stdout
    assert all(row["name"] in text and row["detail"] in text for row in found["backends"])


def test_activity_reports_every_class(run: Run, tmp_path: Path) -> None:
    result = run("train", "activity", "--epochs", 1, "--json", "--plot", tmp_path / "a.png")
    found = summary(result)
    assert found["example"] == "activity"
    assert found["windows_per_second"] > 0
    assert 0.4 < found["test_accuracy"] <= 1, "a guess is 0.14"
    classes = found["classes"]
    assert sum(row["examples"] for row in classes.values()) == 707
    right = sum(row["examples"] * row["recall"] for row in classes.values())
    assert right / 707 == pytest.approx(found["test_accuracy"])
    assert re.search(r"^class +examples +recall +precision$", result.stderr, re.MULTILINE)
    assert re.search(r"^PEN +77 +[\d.]+% +([\d.]+%|-)$", result.stderr, re.MULTILINE)


def test_the_module_and_the_version_option_work() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mpsnn", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"mpsnn {mpsnn.__version__}\n"
