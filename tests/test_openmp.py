"""How long idle threads wait is chosen as the package is loaded, and for it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpsnn.openmp import CHOICES, SPINS

REPORT = "import os, mpsnn; print([os.environ.get(name) for name in {names}])"
LOADED = Path("/proc/self/maps")


@pytest.mark.skipif(
    not LOADED.exists() or "libgomp" not in LOADED.read_text(),
    reason="only GCC's OpenMP, as on Linux, has this choice and tells of it",
)
@pytest.mark.parametrize(
    ("chosen", "spins"),
    [
        ({}, SPINS),
        ({"GOMP_SPINCOUNT": "77"}, 77),
        ({"OMP_WAIT_POLICY": "passive"}, 0),
    ],
)
def test_waits_are_short_unless_the_user_chose(chosen: dict[str, str], spins: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    ran = subprocess.run(
        [sys.executable, "-c", REPORT.format(names=CHOICES)],
        env={**environment, **chosen, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{spins}'" in ran.stderr
    # Nothing stays behind for libraries that are loaded later.
    assert ran.stdout.strip() == str([chosen.get(name) for name in CHOICES])
