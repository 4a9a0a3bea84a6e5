"""The programs in examples/ run, and say what their readers expect."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import mpsnn

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="takes minutes on the reference")
@pytest.mark.parametrize(("name", "share"), [("digits", 0.9), ("activity", 0.55)])
def test_an_example_learns(name: str, share: float, tmp_path: Path) -> None:
    """A guess is right in 1 of 10 digits, and in 1 of 7 exercises."""
    run = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    found = [float(text) / 100 for text in re.findall(r"([\d.]+)% of the test", run.stdout)]
    assert len(found) == 3, run.stdout
    assert found[-1] > share


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="takes minutes on the reference")
def test_the_detector_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a few of the tiles."""
    trees = mpsnn.data.trees()
    few = mpsnn.data.Trees(
        trees.train_tiles[:8], trees.train_boxes[:8], trees.test_tiles[:2], trees.test_boxes[:2]
    )
    monkeypatch.setattr(mpsnn.data, "trees", lambda: few)
    monkeypatch.setattr(sys, "argv", ["detection.py", "--epochs", "2"])
    runpy.run_path(str(EXAMPLES / "detection.py"))
    lines = capsys.readouterr().out.splitlines()
    expected = r"epoch 2: loss of the last batch [\d.]+, test mAP at IoU 0.5 [\d.]+%"
    assert re.fullmatch(expected, lines[0]), lines
    assert all(line.startswith("a tree, ") for line in lines[1:])
