"""The metal backend's sources, compiled against the stand-in for Metal, and their own tests."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_cpp import ROOT, run, tool

import mpsnn

GNUSTEP = Path("/usr/include/GNUstep/Foundation/Foundation.h")


@pytest.mark.skipif(sys.platform != "linux", reason="on a Mac they compile against Apple's own")
def test_the_sources_of_the_metal_backend_run_over_the_stand_in(tmp_path: Path) -> None:
    clang = shutil.which("clang++-19") or shutil.which("clang++")
    if clang is None or not GNUSTEP.exists():
        pytest.skip("needs clang and GNUstep: apt-get install clang-19 libgnustep-base-dev")
    if tool("cmake") is None or tool("ninja") is None:
        pytest.skip("cmake and ninja are not installed: pip install '.[test]'")
    run(
        tool("cmake"), "-S", ROOT, "-B", tmp_path, "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", f"-DCMAKE_OBJCXX_COMPILER={clang}",
        "-DCMAKE_BUILD_TYPE=Debug", "-DMPSNN_METAL_DOUBLE=ON", "-DMPSNN_CPU=OFF",
    )  # fmt: skip
    run(tool("cmake"), "--build", tmp_path, "--parallel", 2, "--target", "mpsnn_metal_tests")
    output = run(tmp_path / "tests" / "metal" / "mpsnn_metal_tests")
    print(output)
    assert re.search(r"^[1-9]\d* passed, 0 failed$", output, re.MULTILINE)


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
