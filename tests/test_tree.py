"""The source tree: includes go one way, files stay short, nothing leaks into the wrong place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "src").is_dir():
    pytest.skip("these tests are not in a source tree", allow_module_level=True)

# A folder of src may include those behind it, and the public headers.
LAYERS = ["bindings", "train", "backend", "passes", "graph", "ops"]

FOLDERS = ["src", "include", "python", "tests", "examples", "benchmarks", "cmake", "docs"]
FOLDERS += [".ci", ".github"]
NATIVE = {".cpp", ".hpp", ".h", ".mm", ".cu"}
SOURCES = NATIVE | {".py"}
TEXTS = SOURCES | {".pyi", ".md", ".txt", ".cmake", ".in", ".toml", ".yaml", ".yml", ".json", ""}

MOST_LINES = 300
GENERATED = ROOT / "python" / "mpsnn" / "_core"

# Absolute, and not the end of a longer path.
MACHINE_PATH = re.compile(r"(?<![\w.$}/)-])/(?:home|Users|root|work|opt|mnt|tmp|var)/\w")
OBJECTIVE_C = re.compile(
    r"^\s*(?:#import|@(?:interface|implementation|autoreleasepool)\b)", re.MULTILINE
)


def files(suffixes: set[str]) -> list[Path]:
    """Every file of the project with one of these suffixes."""
    found = [p for p in ROOT.iterdir() if p.is_file()]
    for folder in FOLDERS:
        found += [p for p in (ROOT / folder).rglob("*") if p.is_file()]
    kept = [p for p in found if p.suffix in suffixes and "__pycache__" not in p.parts]
    return sorted(p for p in kept if p.suffix or p.name == "run")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.MULTILINE)


def native(folder: str) -> list[Path]:
    return [p for p in files(NATIVE) if name(p).startswith(f"{folder}/")]


def test_a_source_file_includes_only_its_own_layer_and_those_behind_it() -> None:
    wrong = []
    for path in native("src"):
        layer = path.relative_to(ROOT / "src").parts[0]
        allowed = {*LAYERS[LAYERS.index(layer) :], "mpsnn"}
        if layer == "bindings":
            allowed = {"bindings", "mpsnn"}  # what a C++ program could call
        if path.parent.parent.name == "backend":
            allowed |= {"oneapi"}  # the library behind a backend
        wrong += [f"{name(path)}: {i}" for i in includes(path) if i.split("/")[0] not in allowed]
    assert not wrong


def test_a_backend_includes_no_other_backend() -> None:
    wrong = []
    for path in native("src/backend"):
        own = path.parent.name
        for included in includes(path):
            parts = included.split("/")
            if parts[0] == "backend" and len(parts) == 3 and parts[1] != own:
                wrong.append(f"{name(path)}: {included}")
    assert not wrong


def test_public_headers_include_only_public_headers() -> None:
    wrong = [
        f"{name(path)}: {included}"
        for path in native("include")
        for included in includes(path)
        if not (ROOT / "include" / included).exists()
    ]
    assert not wrong


def test_no_python_module_imports_the_command_line() -> None:
    for path in (ROOT / "python" / "mpsnn").glob("*.py"):
        if not path.stem.startswith("cli") and path.stem != "__main__":
            assert not re.search(r"import .*\bcli|from mpsnn.cli", path.read_text()), name(path)


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {
        name(p): len(p.read_text().splitlines())
        for p in files(SOURCES)
        if GENERATED not in p.parents
    }
    assert not {n: lines for n, lines in lengths.items() if lines > MOST_LINES}


def test_objective_c_stays_in_the_metal_backend() -> None:
    outside = [p for p in files(NATIVE) if not name(p).startswith("src/backend/metal/")]
    wrong = [name(p) for p in outside if p.suffix == ".mm" or OBJECTIVE_C.search(p.read_text())]
    assert [n for n in wrong if not n.startswith(("tests/metal/", "tests/metal_double/"))] == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    wrong = [
        f"{name(p)}: {match[0]}"
        for p in files(TEXTS)
        if p != Path(__file__).resolve()
        for match in MACHINE_PATH.finditer(p.read_text())
    ]
    assert not wrong


def test_the_tools_have_one_version() -> None:
    pinned = re.compile(r'"?([\w-]+)==([\d.]+)')
    extra = re.search(
        r"^lint = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL
    )
    assert extra
    versions = dict(pinned.findall(extra[1]))
    hooks = pinned.findall((ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks
    assert dict(hooks).items() <= versions.items()
    onednn = {
        found
        for file in ("pyproject.toml", "noxfile.py")
        for found in re.findall(r"onednn-devel-cpu-gomp==([\d.]+)", (ROOT / file).read_text())
    }
    assert len(onednn) == 1
