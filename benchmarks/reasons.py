"""Why mpsnn loses where it does, for the page: by workload, mode, batch and precision.

A row that loses and is not here says so on the page. A reason names what was measured.
"""

from __future__ import annotations

REASONS: dict[tuple[str, str, int, str], str] = {
    (
        "digits",
        "infer",
        1,
        "float32",
    ): "reading the 12.8 MB of the first dense layer takes seven tenths "
    "of the time, at 47 GB/s where the machine copies 41 (`Predictor.profile`)",
}
