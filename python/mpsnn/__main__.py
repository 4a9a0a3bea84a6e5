"""`python -m mpsnn`: the same as the command `mpsnn`."""

from __future__ import annotations

from mpsnn.cli import app

app(prog_name="mpsnn")
