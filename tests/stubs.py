"""The stubs of the native module: `python tests/stubs.py --check` or `--write`."""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

COMMITTED = Path(__file__).parents[1] / "python" / "mpsnn" / "_core"


def generated() -> dict[str, str]:
    """The text of each stub of the module that is installed, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["pybind11_stubgen", "mpsnn._core", "-o", folder, "--exit-code"]
        done = subprocess.run(
            [sys.executable, "-m", *command, "--numpy-array-use-type-var"],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"pybind11-stubgen failed:\n{done.stdout}{done.stderr}")
        made = Path(folder, "mpsnn", "_core")
        return {path.name: _tidy(path.read_text()) for path in sorted(made.glob("*.pyi"))}


def committed() -> dict[str, str]:
    """The same of the stubs in the tree."""
    return {path.name: path.read_text() for path in sorted(COMMITTED.glob("*.pyi"))}


def differences() -> str:
    """What has to change in the tree, as a diff; empty if nothing."""
    old, new = committed(), generated()
    return "".join(
        line
        for name in sorted(old.keys() | new.keys())
        for line in difflib.unified_diff(
            old.get(name, "").splitlines(keepends=True),
            new.get(name, "").splitlines(keepends=True),
            f"committed/{name}",
            f"generated/{name}",
        )
    )


def write() -> None:
    """Replace the stubs in the tree."""
    made = generated()
    COMMITTED.mkdir(exist_ok=True)
    for path in COMMITTED.glob("*.pyi"):
        path.unlink()
    for name, text in made.items():
        (COMMITTED / name).write_text(text)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def main() -> int:
    """Exit status: 1 if the stubs in the tree are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="show what is stale")
    mode.add_argument("--write", action="store_true", help="replace the stubs in the tree")
    if parser.parse_args().write:
        write()
        return 0
    diff = differences()
    sys.stdout.write(diff)
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
