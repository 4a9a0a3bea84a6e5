"""Why mpsnn loses where it does, for the page: by workload, mode, batch and precision.

A row that loses and is not here says so on the page. A reason names what was measured.
"""

from __future__ import annotations

REASONS: dict[tuple[str, str, int, str], str] = {}
