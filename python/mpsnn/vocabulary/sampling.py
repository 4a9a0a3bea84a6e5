"""Resizing and sampling of images, as methods of a graph."""

from __future__ import annotations

from mpsnn.inputs import Inputs


class Sampling(Inputs):
    """The sampling ops of a graph."""
