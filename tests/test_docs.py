"""The documentation: its programs run, its links lead somewhere, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import support

import mpsnn
from mpsnn import _core

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[int, str]]:
    """Line and text of every Python program of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(2)), match[2])
        for match in FENCE.finditer(text)
        if match[1] == "python"
    ]


def prose(page: Path) -> str:
    """A page without its programs."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Of each heading, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name)
def test_the_programs_of_a_page_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = blocks(page)
    if mpsnn.backend_names() == ["reference"] and any("digits()" in code for _, code in programs):
        pytest.skip("the digits take minutes on the reference backend")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": name(page)}
    for line, code in programs:
        # Empty lines in front, so that an error names the line of the page.
        program = compile("\n" * line + code, str(page), "exec", dont_inherit=True)
        exec(program, namespace)  # noqa: S102  (our own pages)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_support_tables_are_those_of_this_build() -> None:
    if "cpu" not in mpsnn.backend_names():
        pytest.skip("the tables in the tree are those of a build with every backend")
    for page in support.PAGES:
        text = page.read_text(encoding="utf-8")
        assert support.SECTION.search(text), name(page)
        assert support.updated(text) == text, f"{name(page)}: python tests/support.py --write"


def test_every_op_has_a_place_in_the_page_of_its_family() -> None:
    index = prose(ROOT / "docs" / "index.md")
    for family, op, _ in _core.vocabulary():
        page = ROOT / "docs" / "ops" / f"{family}.md"
        assert f"(ops/{family}.md)" in index, family
        assert re.search(rf"^(## {op}|\| `{op}` .*)$", prose(page), re.MULTILINE), f"{page}: {op}"


@pytest.mark.parametrize("page", ["mps.md", "keras-pytorch.md"])
def test_what_a_page_calls_ours_is_there(page: str) -> None:
    homes: dict[str, Any] = {
        "Graph": mpsnn.Graph,
        "Trainer": mpsnn.Trainer,
        "Value": mpsnn.Value,
        "Step": mpsnn.Step,
        "DataSource": mpsnn.DataSource,
        "layers": mpsnn.layers,
        "schedules": mpsnn.schedules,
        "mpsnn": mpsnn,
        "recurrent": mpsnn.recurrent,
    }
    ours = {
        cell
        for line in prose(ROOT / "docs" / page).splitlines()
        if line.startswith("| ")
        for cell in re.findall(r"`(\w+\.\w+)", line.rsplit("|", 2)[1])
    }
    missing = {n for n in ours if not hasattr(homes[n.split(".")[0]], n.split(".")[1])}
    assert missing <= {"DataSource.update"}  # which a source may have
    assert len(ours) > 60


def test_the_page_about_mps_has_every_op() -> None:
    text = (ROOT / "docs" / "mps.md").read_text() + (ROOT / "docs" / "keras-pytorch.md").read_text()
    methods = [m for m in dir(mpsnn.Graph) if not m.startswith("_")]
    methods = [m for m in methods if callable(getattr(mpsnn.Graph, m))]
    # Bookkeeping, and what neither MPS nor the others have by that name.
    own = [
        "check",
        "naming",
        "node",
        "unique_name",
        "item",
        "parameter",
        "parameters",
        "scale_bias",
        "batch_sum",
        "batch_mean",
        "space_to_depth",
        "maximum",
        "minimum",
        "transpose",
        "flatten",
        "layer_norm",
        "zero_pad2d",
        "crop2d",
        "exp",
        "log",
        "silu",
        "clamp",
        "spatial_dropout",
        "summary",
        "resize_nearest",
        "avg_pool1d",
        "max_pool1d",
        "global_max_pool2d",
    ]
    assert [m for m in methods if f"`Graph.{m}`" not in text and m not in own] == []
