"""What the networks of the examples give back."""

from __future__ import annotations

from typing import NamedTuple

from mpsnn.values import Value


class Classifier(NamedTuple):
    """The ends of a network that classifies."""

    images: Value
    labels: Value
    logits: Value
