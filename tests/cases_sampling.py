"""Cases of the sampling ops."""

from __future__ import annotations

from case import Case

CASES: list[Case] = []
