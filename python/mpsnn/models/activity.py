"""A network after WWDC 2018 session 609 for the movements of a smart watch."""

from __future__ import annotations

from mpsnn import layers
from mpsnn.graph import Graph
from mpsnn.models.classifier import Classifier


def activity(graph: Graph) -> Classifier:
    """A convolution to 20 steps, an LSTM over them, and two dense layers with batch normalisation.

    Windows (200, 6), of 200 samples, to logits (7,), 240 thousand parameters.
    """
    windows = graph.input(200, 6, name="windows")
    labels = graph.labels(7, name="labels")
    x = graph.relu(layers.Conv1d(64, kernel=10, stride=10, padding="valid")(windows))
    x = layers.LSTM(200, return_sequences=False)(x)
    x = graph.relu(layers.BatchNorm()(layers.Dense(128)(x)))
    return Classifier(windows, labels, layers.Dense(7)(x))
