"""The metal backend's sources, compiled against the stand-in for Metal, and their own tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pybind11
import pytest
from test_cpp import ROOT, onednn, run, tool

import mpsnn

GNUSTEP = Path("/usr/include/GNUstep/Foundation/Foundation.h")
LEAST_PASSED = 2080  # 2,104 without PyTorch when this was written


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tests of the backend over the stand-in, and a package that has it."""
    if sys.platform != "linux":
        pytest.skip("on a Mac the backend is in every build")
    clang = shutil.which("clang++-19") or shutil.which("clang++")
    if clang is None or not GNUSTEP.exists():
        pytest.skip("needs clang and GNUstep: apt-get install clang-19 libgnustep-base-dev")
    if tool("cmake") is None or tool("ninja") is None:
        pytest.skip("cmake and ninja are not installed: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("metal")
    cpu = "ON" if "cpu" in mpsnn.backend_names() else "AUTO"
    run(
        tool("cmake"), "-S", ROOT, "-B", folder, "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", f"-DCMAKE_OBJCXX_COMPILER={clang}",
        "-DCMAKE_BUILD_TYPE=Release", "-DMPSNN_METAL_DOUBLE=ON", "-DMPSNN_PYTHON=ON",
        f"-DMPSNN_CPU={cpu}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        f"-DPython_EXECUTABLE={sys.executable}", *onednn(),
    )  # fmt: skip
    run(tool("cmake"), "--build", folder, "--parallel", 2, "--target", "mpsnn_metal_tests", "_core")
    package = folder / "site" / "mpsnn"
    shutil.copytree(ROOT / "python" / "mpsnn", package, ignore=shutil.ignore_patterns("_core"))
    shutil.copy(next(folder.glob("_core*.so")), package)
    return folder


def on_stand_in(folder: Path, *command: object, arithmetic: str = "reference") -> str:
    """Output of a Python command with the package that has the stand-in."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=900,
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": str(folder / "site"), "MPSNN_METAL_DOUBLE_USES": arithmetic},
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


def test_leaks_faults_and_refusals_over_the_stand_in(stand_in: Path) -> None:
    output = run(stand_in / "tests" / "metal" / "mpsnn_metal_tests")
    print(output)
    assert re.search(r"^[1-9]\d* passed, 0 failed$", output, re.MULTILINE)


def test_the_tests_of_every_backend_pass_on_metal(stand_in: Path) -> None:
    output = on_stand_in(
        stand_in, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-k", "metal and not stand_in and not on_metal", "tests",
    )  # fmt: skip
    print(output[-3000:])
    passed = re.search(r"(\d+) passed", output)
    # So that no refusal becomes a habit: what is skipped does not count.
    assert passed is not None
    assert int(passed[1]) >= LEAST_PASSED
    assert "failed" not in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("task", "epochs", "least", "precision"),
    [
        ("activity", 6, 0.8, "float32"),
        ("digits", 1, 0.93, "float16"),
    ],
)
def test_training_on_metal_reaches_what_the_cpu_does(
    stand_in: Path, task: str, epochs: int, least: float, precision: str
) -> None:
    if "cpu" not in mpsnn.backend_names():
        pytest.skip("the reference would take hours")
    output = on_stand_in(
        stand_in, "-m", "mpsnn", "train", task, "--backend", "metal", "--epochs", epochs, "--json",
        "--precision", precision, arithmetic="cpu",
    )  # fmt: skip
    accuracy = json.loads(output.splitlines()[-1])["test_accuracy"]
    print(task, precision, accuracy)
    assert accuracy >= least


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-DSKBUILD=2", "-DMPSNN_METAL_DOUBLE=ON"], "no package may have it"),
        (["-DMPSNN_METAL=ON"], "-DMPSNN_METAL=ON needs macOS"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="a Mac has the backend itself")
def test_linux_builds_no_metal_and_no_package_the_stand_in(
    tmp_path: Path, options: list[str], message: str
) -> None:
    if tool("cmake") is None or tool("ninja") is None:
        pytest.skip("cmake and ninja are not installed: pip install '.[test]'")
    command = [
        tool("cmake"), "-S", ROOT, "-B", tmp_path, "-G", "Ninja", "-DMPSNN_PYTHON=OFF",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DMPSNN_CPU=OFF", *options,
    ]  # fmt: skip
    done = subprocess.run(
        [str(part) for part in command], check=False, text=True, capture_output=True
    )
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())


def test_devices_are_those_of_the_backends_of_this_build() -> None:
    found = mpsnn.devices()
    assert [device.backend for device in found] == mpsnn.backend_names()
    assert all(
        (d.kind, d.name, d.id, d.low_power) == ("processor", "host", 0, False)
        for d in found
        if d.backend != "metal"
    )
    assert repr(found[-1]) == "Device(backend='reference', name='host')"
