"""The documentation: its programs run, its links lead somewhere, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import mpsnn

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


def op_names() -> set[str]:
    """Of every op, as graphs print them: MaxPool2d is max_pool2d."""
    classes = [name for name in dir(mpsnn._core.ops) if not name.startswith("_")]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in classes}


def op_rows(page: Path) -> dict[str, list[str]]:
    """The cells behind the op, in each table row that begins with one."""
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", prose(page), re.MULTILINE)
    return {op: [cell.strip() for cell in cells.split("|")][:4] for op, cells in rows}


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


def test_the_support_tables_name_every_op_and_agree() -> None:
    readme, page = op_rows(ROOT / "README.md"), op_rows(ROOT / "docs" / "support.md")
    assert readme.keys() == op_names()
    assert readme == page


def test_the_support_tables_claim_nothing_for_a_backend_that_does_not_exist() -> None:
    missing = {name for name, _, why in mpsnn.backend_status() if why == "not written yet"}
    columns = ("reference", "cpu", "cuda", "metal")
    for op, cells in op_rows(ROOT / "README.md").items():
        for backend, cell in zip(columns, cells, strict=True):
            assert (cell == "-") == (backend in missing), f"{op} on {backend}"


def test_every_op_has_a_place_in_the_index_and_in_its_page() -> None:
    index = ROOT / "docs" / "index.md"
    rows = re.findall(r"^\| \[.*?\]\((ops/\S+)\) \| (.*) \|$", prose(index), re.MULTILINE)
    described = {op: link for link, ops in rows for op in re.findall(r"`(\w+)`", ops)}
    assert described.keys() == op_names()
    for op, link in described.items():
        text = (index.parent / link).read_text(encoding="utf-8")
        assert re.search(rf"^## {op}$", text, re.MULTILINE), f"{link}: no heading {op}"
