"""Cases of the arithmetic ops."""

from __future__ import annotations

from case import Case

from mpsnn import Graph

CASES = [
    Case("add", Graph.add, ((3, 4, 2), (3, 4, 2))),
]
