"""Gradient nodes, made by hand or for a whole graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mpsnn import _core
from mpsnn.values import Nodes, Value

if TYPE_CHECKING:
    from mpsnn.graph import Graph


class Gradients(Nodes):
    """A graph that can be differentiated. A `Trainer` does all of this by itself."""

    def gradient(self, y: Value, dy: Value) -> dict[Value, Value]:
        """Append the gradient node of the node that computes `y`.

        MPS calls this gradientFilterWithSource.

        Args:
            y: The first output of its node.
            dy: The gradient of what is to be minimised by `y`, of the same shape.

        Returns:
            The gradient of each input of the node that it is differentiable in.

        Raises:
            ShapeError: If `dy` is not like `y`, or no gradient passes the node.
        """
        ids = [self.check("gradient", "y", y), self.check("gradient", "dy", dy)]
        pairs = _core.add_gradient(self.core, *ids)
        return {self._value(value): self._value(gradient) for value, gradient in pairs}

    def training_graph(self, loss: Value) -> dict[Value, Value]:
        """Append the gradient nodes of all that lies between `loss` and the parameters.

        MPS calls this trainingGraphWithSourceGradient. The gradients are those of the mean of
        `loss` over the images of a step; a value that is read twice has the sum. They can be
        exported from training steps: see `Trainer`.

        Args:
            loss: One number per image, ().

        Returns:
            The gradient of each trainable parameter that the loss depends on.

        Raises:
            ShapeError: If `loss` is not one number, per image or for the batch.
        """
        start = self.check("training_graph", "loss", loss)
        wanted = [n.outputs[0] for n in _core.nodes(self.core) if n.trainable]
        gradients = _core.add_gradients(self.core, start, wanted)
        return {
            self._value(value): self._value(gradient)
            for value, gradient in zip(wanted, gradients, strict=True)
            if gradient.index >= 0
        }

    def node(self, value: Value) -> _core.Node:
        """The node that computes `value`."""
        wanted = self.check("node", "value", value)
        return next(n for n in _core.nodes(self.core) if wanted in n.outputs)

    def _value(self, value: _core.ValueId) -> Value:
        return Value(cast("Graph", self), value)
