"""The network of WWDC 2018 session 609 for handwritten digits."""

from __future__ import annotations

from mpsnn import layers
from mpsnn.graph import Graph
from mpsnn.models.classifier import Classifier


def digits(graph: Graph) -> Classifier:
    """Two convolutions, each with relu and pooling, and two dense layers with dropout between.

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
