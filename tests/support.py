"""The support tables in the documentation: `python tests/support.py --check` or `--write`."""

from __future__ import annotations

import argparse
import re
import sys
from itertools import groupby
from pathlib import Path

from mpsnn import _core

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "support.md"]
COLUMNS = ["reference", "cpu", "cuda", "metal"]
SECTION = re.compile(
    r"(<!-- support: written by tests/support.py -->\n).*?(<!-- end of support -->)", re.DOTALL
)


def written(text: str) -> dict[tuple[str, str], str]:
    """What a page says so far of each op, by name, and backend."""
    section = SECTION.search(text)
    rows = [line.strip("| ").split(" | ") for line in (section[0] if section else "").splitlines()]
    cells = {}
    for row in rows:
        if len(row) == 2 + len(COLUMNS):
            for op in re.findall(r"`(\w+)`", row[1]):
                cells |= {(op, c): said for c, said in zip(COLUMNS, row[2:], strict=True)}
    return cells


def cell(support: list[tuple[str, bool, bool]], backend: str, before: str) -> str:
    """F for forward, G for gradient; what was there for a backend that this build lacks."""
    for name, forward, gradient in support:
        if name == backend:
            return " ".join(["F"] * forward + ["G"] * gradient) or "no"
    return before


def table(text: str) -> str:
    """One row for the ops of a family that the same backends have."""
    rows = ["| family | ops | " + " | ".join(COLUMNS) + " |", "| --- " * (2 + len(COLUMNS)) + "|"]
    before = written(text)
    entries = [
        (family, tuple(cell(support, c, before.get((name, c), "-")) for c in COLUMNS), name)
        for family, name, support in _core.vocabulary()
    ]
    for (family, cells), group in groupby(entries, key=lambda e: e[:2]):
        # Two ops have the name "add".
        names = ", ".join(dict.fromkeys(f"`{name}`" for *_, name in group))
        rows.append(f"| {family} | {names} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def updated(text: str) -> str:
    """A page with the table of this build, and what it said of backends that this build lacks."""
    return SECTION.sub(lambda match: match[1] + "\n" + table(text) + "\n" + match[2], text)


def main() -> int:
    """Write the tables, or say which page is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    stale = [page for page in PAGES if updated(page.read_text()) != page.read_text()]
    for page in stale:
        if write:
            page.write_text(updated(page.read_text()))
        else:
            print(f"{page.relative_to(ROOT)}: not up to date", file=sys.stderr)
    return bool(stale) and not write


if __name__ == "__main__":
    sys.exit(main())
