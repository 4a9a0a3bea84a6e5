"""Losses, as methods of a graph."""

from __future__ import annotations

from typing import Literal

from mpsnn import arguments
from mpsnn._core import ShapeError, ValueId, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value

Reduction = Literal["none", "sum", "mean", "sum_by_nonzero_weights"]
"""What a loss makes of its elements, for each image; "none": the loss has the shape of x."""

REDUCTIONS = ("none", "sum", "mean", "sum_by_nonzero_weights")
LossInputs = tuple[Value, Value, Value | None]
_Common = tuple[Reduction, float, bool, bool]


class BatchReductions(Inputs):
    """What the images of a batch have together."""

    def batch_sum(self, x: Value, *, name: str | None = None) -> Value:
        """Sum over the images of a step, not its padding: (...) per image becomes (...) for all.

        Args:
            x: Of any shape, one per image.
            name: Of the node.

        Raises:
            ShapeError: If `x` has no batch axis.
        """
        return self._add("batch_sum", ops.BatchReduce("batch_sum"), name, x=x)

    def batch_mean(self, x: Value, *, name: str | None = None) -> Value:
        """Mean over the images of a step. Arguments as `batch_sum`."""
        return self._add("batch_mean", ops.BatchReduce("batch_mean"), name, x=x)


class ElementLosses(BatchReductions):
    """The losses of single elements and rows, all with these arguments, and what each adds to them.

    Args:
        x: The prediction, of any shape.
        labels: The truth t, of the shape of `x`: of `Graph.labels`, or any value per image.
        weights: A weight per image, (), or per element, of the shape of `x`. None: those that
            come with `Graph.labels`, else 1.
        reduction: Over each image: "mean", "sum", "sum_by_nonzero_weights" (sum / how many
            weights are not 0), or "none".
        weight: Multiplies the loss.
        strict_mps: Gradients as MPS has them: not divided by what the reduction divides by.
        reduce_across_batch: Whether the loss is one number for the batch: the sum over its
            images if `reduction` is "sum", their mean if it is "mean".
        name: Of the node.

    Raises:
        ShapeError: If the shapes differ, or a number is not accepted.
    """

    def mean_absolute_error(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """|x - t|. Arguments as of every loss: see `ElementLosses`."""
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("mean_absolute_error", (x, labels, weights), common, name)

    def mean_squared_error(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """(x - t)**2. Arguments as of every loss: see `ElementLosses`."""
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("mean_squared_error", (x, labels, weights), common, name)

    def softmax_cross_entropy(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """-t log softmax(x), over the K classes of the last axis; x are logits.

        The mean is over pixels, so that of a vector (K,) is the sum over its classes. With
        smoothing s, t = labels * (1 - s) + s / K. With `strict_mps` the gradient is
        softmax(x) - t, which is the derivative where labels sum to 1. Other arguments as of
        every loss: see `ElementLosses`.
        """
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss(
            "softmax_cross_entropy", (x, labels, weights), common, name, smoothing=label_smoothing
        )

    def sigmoid_cross_entropy(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), computed stably; x are logits.

        With smoothing s, t = labels * (1 - s) + s / 2. Other arguments as of every loss: see
        `Losses`.
        """
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss(
            "sigmoid_cross_entropy", (x, labels, weights), common, name, smoothing=label_smoothing
        )

    def categorical_cross_entropy(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        epsilon: float = 1e-7,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """-t log max(x, epsilon); x are probabilities. See `ElementLosses` for the other arguments."""
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss(
            "categorical_cross_entropy", (x, labels, weights), common, name, epsilon=epsilon
        )

    def hinge_loss(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """max(1 - (2 t - 1) x, 0) with t of 0 or 1. Arguments as of every loss: see `ElementLosses`."""
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("hinge_loss", (x, labels, weights), common, name)

    def huber_loss(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        delta: float = 1.0,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """d**2 / 2 where d = |x - t| is at most `delta`, else delta * (d - delta / 2).

        Other arguments as of every loss: see `ElementLosses`.
        """
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("huber_loss", (x, labels, weights), common, name, delta=delta)

    def cosine_distance(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        weight: float = 1.0,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """1 - sum x t over the image, both normalised by the caller. See `ElementLosses`."""
        common: _Common = ("sum", weight, False, reduce_across_batch)
        return self._loss("cosine_distance", (x, labels, weights), common, name)

    def log_loss(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        epsilon: float = 1e-7,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """-t log(x + epsilon) - (1 - t) log(1 - x + epsilon); x are probabilities.

        Other arguments as of every loss: see `ElementLosses`.
        """
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("log_loss", (x, labels, weights), common, name, epsilon=epsilon)

    def kl_divergence(
        self,
        x: Value,
        labels: Value,
        weights: Value | None = None,
        *,
        reduction: Reduction = "mean",
        weight: float = 1.0,
        strict_mps: bool = False,
        reduce_across_batch: bool = False,
        name: str | None = None,
    ) -> Value:
        """T (log t - x), 0 where t is 0; x are logarithms of probabilities. See `ElementLosses`."""
        common = (reduction, weight, strict_mps, reduce_across_batch)
        return self._loss("kl_divergence", (x, labels, weights), common, name)

    def _loss(
        self,
        kind: str,
        inputs: LossInputs,
        common: _Common,
        name: str | None,
        *,
        smoothing: float = 0.0,
        delta: float = 1.0,
        epsilon: float = 1e-7,
    ) -> Value:
        reduction, weight, strict_mps, reduce_across_batch = common
        arguments.choice(kind, "reduction", reduction, REDUCTIONS)
        if reduce_across_batch:
            self._check_across_batch(kind, reduction)
        op = ops.Loss(
            kind,
            reduction,
            arguments.real(kind, "weight", weight),
            arguments.fraction(kind, "label_smoothing", smoothing),
            arguments.positive(kind, "delta", delta),
            arguments.positive(kind, "epsilon", epsilon),
            bool(strict_mps),
        )
        loss = self._append(kind, op, self._loss_inputs(kind, inputs), name)
        return self._across_batch(loss, reduction) if reduce_across_batch else loss

    def _loss_inputs(self, kind: str, inputs: LossInputs) -> list[ValueId]:
        """x, labels and the weights that were given or come with the labels."""
        x, labels, weights = inputs
        ids = [self.check(kind, "x", x), self.check(kind, "labels", labels)]
        if weights is not None:
            return [*ids, self.check(kind, "weights", weights)]
        return [*ids, self.core.outputs(labels.id)[1]] if labels in self.label_inputs else ids

    def _check_across_batch(self, kind: str, reduction: Reduction) -> None:
        """That images' losses of that reduction have one for the batch."""
        if reduction not in ("sum", "mean"):
            raise ShapeError(
                f"{kind}: reduce_across_batch needs reduction 'sum' or 'mean', got {reduction!r}"
            )

    def _across_batch(self, loss: Value, reduction: Reduction) -> Value:
        """The sum or mean of the images' losses."""
        return self.batch_sum(loss) if reduction == "sum" else self.batch_mean(loss)
