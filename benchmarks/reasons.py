"""Notes for the pages; why mpsnn loses, by machine, workload, mode, batch and precision.

The machine is the name of its file of results; a reason holds where it was measured, and names what
was. A row that loses and is not here says so on the page.
"""

from __future__ import annotations

# What a reader must know of all rows of a machine.
NOTES = {
    "xeon-amx": "Its rows are older than convolutions by Winograd's filtering, which make those in "
    "float32 faster.",
}

REASONS: dict[tuple[str, str, str, int, str], str] = {
    (
        "xeon-amx",
        "digits",
        "infer",
        1,
        "float32",
    ): "reading the 12.8 MB of the first dense layer takes seven tenths "
    "of the time, at 47 GB/s where the machine copies 41 (`Predictor.profile`)",
}
