"""Figures and tables as the pages write them."""

from __future__ import annotations

from collections.abc import Iterable


def figure(value: float | None) -> str:
    """With three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def grid(heads: list[str], body: Iterable[list[str]]) -> str:
    """A table of Markdown; nothing without rows."""
    lines = [f"| {' | '.join(cells)} |" for cells in body]
    ruler = "| " + " | ".join("---" for _ in heads) + " |"
    return "\n".join([f"| {' | '.join(heads)} |", ruler, *lines]) if lines else "Not measured."


def document(parts: Iterable[str]) -> str:
    """A page of those parts that say something."""
    return "\n\n".join(part for part in parts if part) + "\n"
