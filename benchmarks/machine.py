"""What the figures were measured on: processor, memory, versions, and the machine's peak."""

from __future__ import annotations

import datetime
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGES = (
    "mpsnn", "numpy", "torch", "jax", "jaxlib", "mlx", "mlx-cpu", "onnxruntime", "openvino",
)  # fmt: skip
# That decide between kernels.
EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16")


def description() -> dict[str, Any]:
    """Of this machine, as far as its system tells."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    pairs = (line.partition(":") for line in told.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": fields.get("model name", platform.processor() or platform.machine()),
        "extensions": [name for name in EXTENSIONS if name in fields.get("flags", "").split()],
        "processors": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(pythons: Mapping[str, str]) -> dict[str, str]:
    """Of what is compared, from each interpreter; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for interpreter in (*pythons.values(), sys.executable):
        found.update(_installed(interpreter))
    return found


@functools.cache
def _installed(interpreter: str) -> dict[str, str]:
    """Versions of `PACKAGES` in that interpreter."""
    program = (
        "import importlib.metadata as m, json, sys; "
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    answer = subprocess.run(
        [interpreter, "-c", program], capture_output=True, text=True, check=False
    )
    every = json.loads(answer.stdout) if answer.returncode == 0 else {}
    return {name: every[name] for name in PACKAGES if name in every}


def row(threads: int) -> dict[str, Any]:
    """The machine and its measured peak, as a row of a file of results."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peak", str(threads)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
    )  # fmt: skip
    return {
        "section": "machine",
        "date": datetime.date.today().isoformat(),
        "threads": threads,
        "machine": description(),
        "peak": json.loads(done.stdout),
    }
