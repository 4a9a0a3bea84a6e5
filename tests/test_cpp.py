"""The C++ library: built and installed once, then its own tests and a program that finds it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

import mpsnn

ROOT = Path(__file__).parents[1]


def tool(name: str) -> str | None:
    """Path of a program beside this Python, or on PATH."""
    here = os.path.dirname(sys.executable)
    return shutil.which(name, path=os.pathsep.join([here, os.environ.get("PATH", "")]))


def run(*command: object) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=900,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-8000:]}"
    return done.stdout


def onednn() -> list[str]:
    """Where CMake finds the oneDNN that pip installed; empty if it must look by itself."""
    try:
        listed = files("onednn-devel-cpu-gomp") or []
    except PackageNotFoundError:
        return []
    configs = [f for f in listed if f.name in ("dnnl-config.cmake", "dnnlConfig.cmake")]
    return [f"-Ddnnl_DIR={Path(f.locate()).resolve().parent}" for f in configs[:1]]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library and its tests, built, and `prefix`, installed."""
    if tool("cmake") is None or tool("ninja") is None:
        pytest.skip("cmake and ninja are not installed: pip install '.[test]'")
    if not any(tool(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        pytest.skip("there is no C++ compiler")
    if not (ROOT / "CMakeLists.txt").exists():
        pytest.skip("these tests are not in a source tree")
    folder = tmp_path_factory.mktemp("cpp")
    cpu = "ON" if "cpu" in mpsnn.backend_names() else "AUTO"
    run(
        tool("cmake"), "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
        "-DCMAKE_BUILD_TYPE=Release", "-DMPSNN_TESTS=ON", "-DMPSNN_PYTHON=OFF",
        f"-DMPSNN_CPU={cpu}", *onednn(),
    )  # fmt: skip
    run(tool("cmake"), "--build", folder, "--parallel", 2)
    run(tool("cmake"), "--install", folder, "--prefix", folder / "prefix", "--component", "devel")
    return folder


def test_the_cpp_tests_pass(build: Path) -> None:
    output = run(build / "tests" / "cpp" / "mpsnn_tests")
    print(output)
    assert re.search(r"^[1-9]\d* passed, 0 failed$", output, re.MULTILINE)


def test_a_program_finds_the_installed_package_and_trains_two_steps(
    build: Path, tmp_path: Path
) -> None:
    run(
        tool("cmake"), "-S", ROOT / "examples" / "cpp", "-B", tmp_path, "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_PREFIX_PATH={build / 'prefix'}", *onednn(),
    )  # fmt: skip
    run(tool("cmake"), "--build", tmp_path)
    output = run(tmp_path / "two_steps")
    losses = [float(text) for text in re.findall(r"^loss (\S+)$", output, re.MULTILINE)]
    assert len(losses) == 2
    assert losses[1] < losses[0]


def test_the_installed_headers_include_nothing_private(build: Path) -> None:
    for header in (build / "prefix" / "include").rglob("*.hpp"):
        for name in re.findall(r'#include "([^"]+)"', header.read_text()):
            assert (build / "prefix" / "include" / name).exists(), f"{header.name}: {name}"
