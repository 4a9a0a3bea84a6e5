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


def cell(support: list[tuple[str, bool, bool]], backend: str) -> str:
    """F for forward, G for gradient; a dash for a backend that this build does not have."""
    for name, forward, gradient in support:
        if name == backend:
            return " ".join(["F"] * forward + ["G"] * gradient) or "no"
    return "-"


def table() -> str:
    """One row for the ops of a family that the same backends have."""
    rows = ["| family | ops | " + " | ".join(COLUMNS) + " |", "| --- " * (2 + len(COLUMNS)) + "|"]
    entries = [
        (family, tuple(cell(support, c) for c in COLUMNS), name)
        for family, name, support in _core.vocabulary()
    ]
    for (family, cells), group in groupby(entries, key=lambda e: e[:2]):
        # Two ops have the name "add".
        names = ", ".join(dict.fromkeys(f"`{name}`" for *_, name in group))
        rows.append(f"| {family} | {names} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def updated(text: str) -> str:
    """A page with the table of this build."""
    return SECTION.sub(lambda match: match[1] + "\n" + table() + "\n" + match[2], text)


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
