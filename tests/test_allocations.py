"""What a step allocates: nothing, but for what oneDNN does inside, and what Python needs."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mpsnn

COMPILER = shutil.which("cc") or shutil.which("gcc")
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="needs the cpu backend"),
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="counts the calls of glibc"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that counts."""
    path = tmp_path_factory.mktemp("counter") / "allocations.so"
    source = HERE / "allocations.c"
    command = [str(COMPILER), "-O1", "-shared", "-fPIC", "-o", path, source, "-ldl"]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("network", ["digits", "activity", "resnet18", "detector"])
def test_threads_of_the_engine_allocate_nothing(
    counter: Path, network: str, precision: str
) -> None:
    run = subprocess.run(
        [sys.executable, HERE / "allocations.py", counter, network, precision],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert list(found) == ["step", "step of a part", "infer", "infer one"]
    assert {what: counts["engine"] for what, counts in found.items()} == dict.fromkeys(found, 0)
    # It does count: the caller has new objects of Python for each step.
    assert all(counts["caller"] > 0 for counts in found.values())
