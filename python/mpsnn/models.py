"""Networks of the examples."""

from __future__ import annotations

from typing import NamedTuple

from mpsnn import layers
from mpsnn.graph import Graph
from mpsnn.inception import inception_v3
from mpsnn.values import Value

__all__ = ["Classifier", "activity", "digits", "inception_v3"]


class Classifier(NamedTuple):
    """The ends of a network that classifies."""

    images: Value
    labels: Value
    logits: Value


def digits(graph: Graph) -> Classifier:
    """The network of WWDC 2018 session 609 for 28 x 28 handwritten digits.

    Two convolutions, each with relu and pooling, and two dense layers with dropout between:
    uint8 images (28, 28, 1) to logits (10,), 3.3 million parameters.
    """
    images = graph.input(28, 28, 1, dtype="uint8", scale=1 / 255, name="images")
    labels = graph.labels(10, name="labels")
    x = images
    for channels in (32, 64):
        x = layers.Conv2d(channels, kernel=5)(x)
        x = graph.max_pool2d(graph.relu(x), 2)
    x = graph.relu(layers.Dense(1024)(x))
    x = graph.dropout(x, 0.5)
    return Classifier(images, labels, layers.Dense(10)(x))


def activity(graph: Graph) -> Classifier:
    """A network after WWDC 2018 session 609 for windows of 200 samples of a smart watch.

    A convolution to 20 steps, an LSTM over them, and two dense layers with batch normalisation:
    (200, 6) to logits (7,), 240 thousand parameters.
    """
    windows = graph.input(200, 6, name="windows")
    labels = graph.labels(7, name="labels")
    x = graph.relu(layers.Conv1d(64, kernel=10, stride=10, padding="valid")(windows))
    x = layers.LSTM(200, return_sequences=False)(x)
    x = graph.relu(layers.BatchNorm()(layers.Dense(128)(x)))
    return Classifier(windows, labels, layers.Dense(7)(x))
