"""Reductions, as methods of a graph."""

from __future__ import annotations

from mpsnn.inputs import Inputs


class Reductions(Inputs):
    """The reductions ops of a graph."""
