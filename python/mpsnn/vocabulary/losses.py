"""Losses, as methods of a graph."""

from __future__ import annotations

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Losses(Inputs):
    """The losses ops of a graph."""

    def softmax_cross_entropy(
        self,
        x: Value,
        labels: Value,
        *,
        label_smoothing: float = 0.0,
        name: str | None = None,
    ) -> Value:
        """-weights * sum_k t[k] log softmax(x)[k], one number per image, ().

        With smoothing s, t = labels * (1 - s) + s / K.

        Args:
            x: Logits, (K,).
            labels: Of `Graph.labels`, (K,); their weights come along.
            label_smoothing: s, at least 0 and less than 1.
            name: Of the node.

        Raises:
            ShapeError: If `x` and `labels` have different shapes.
        """
        kind = "softmax_cross_entropy"
        ids = [self.check(kind, "x", x), self.check(kind, "labels", labels)]
        if labels not in self.label_inputs:
            raise ShapeError(f"{kind}: labels must come from Graph.labels, got {labels!r}")
        op = ops.SoftmaxCrossEntropy(arguments.fraction(kind, "label_smoothing", label_smoothing))
        return self._append(kind, op, [ids[0], *self.core.outputs(labels.id)], name)
