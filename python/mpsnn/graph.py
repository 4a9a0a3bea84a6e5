"""Describing a network: one documented method per op.

Shape letters: N batch, H W C image, O output channels, K kernel or classes. Shapes are
per image. The equations are those of `include/mpsnn/ops/`.
"""

from __future__ import annotations

from mpsnn.gradients import Gradients
from mpsnn.inspection import Inspection
from mpsnn.values import Value
from mpsnn.vocabulary.composed import Composed
from mpsnn.vocabulary.detection import Losses
from mpsnn.vocabulary.neurons import Activations
from mpsnn.vocabulary.normalization import Normalization
from mpsnn.vocabulary.pooling import Edge
from mpsnn.vocabulary.pooling1d import Pooling1d
from mpsnn.vocabulary.recurrent import GateNeuron, Recurrent
from mpsnn.vocabulary.sampling import Sampling

__all__ = ["Edge", "GateNeuron", "Graph", "Value"]


class Graph(
    Pooling1d,
    Normalization,
    Activations,
    Recurrent,
    Composed,
    Sampling,
    Losses,
    Gradients,
    Inspection,
):
    """A network under construction. Nodes run in the order they were added.

    A mistake in shapes is a `ShapeError` on the line that made it, and a value that is no
    `Value` a `TypeError`; both name the op and the argument, and leave the graph as it was.

    Args:
        seed: Of the layers' initial weights, 0 to 2**64 - 1. Each layer draws from a stream
            of its own, derived from the seed and the layer's name.
    """
