"""Activation functions, softmax and dropout, as methods of a graph."""

from __future__ import annotations

from mpsnn import arguments
from mpsnn._core import ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Neurons(Inputs):
    """The neurons ops of a graph."""

    def relu(self, x: Value, *, name: str | None = None) -> Value:
        """max(x, 0), elementwise. Its gradient at 0 is 0, as in PyTorch; MPS has 1."""
        return self._add("relu", ops.Neuron(), name, x=x)

    def dropout(self, x: Value, rate: float = 0.5, *, name: str | None = None) -> Value:
        """Zero each element with probability `rate`; scale the rest by 1 / (1 - rate).

        The mask is drawn anew at every training step, from a generator (Philox) keyed by
        the trainer's seed, the place of this node among the graph's dropouts, and the
        step. Inference passes `x` through.

        Raises:
            ShapeError: If `rate` is not at least 0 and less than 1.
        """
        op = ops.Dropout(arguments.fraction("dropout", "rate", rate), self._dropouts)
        value = self._add("dropout", op, name, x=x)
        self._dropouts += 1
        return value

    def softmax(self, x: Value, *, name: str | None = None) -> Value:
        """exp(x) / sum exp(x), over the last axis."""
        return self._add("softmax", ops.Softmax(), name, x=x)
