"""Arithmetic on two values, and products of matrices, as methods of a graph."""

from __future__ import annotations

import math

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Elementwise(Inputs):
    """Elementwise ops of two values, whose axes are aligned at the last as in numpy.

    An axis of 1, or one that is missing, is repeated. A value without a batch axis, such as a
    parameter, is the same for all images, and its gradient is their sum. y is
    min(max((primary_scale * a) o (secondary_scale * b) + bias, low), high).

    Args:
        a: Of any shape.
        b: Of a shape that fits.
        primary_scale: Multiplies a.
        secondary_scale: Multiplies b.
        bias: Added to the result.
        low: Least result; the gradient is 0 where it is cut.
        high: Largest result.
        name: Of the node.

    Raises:
        ShapeError: If the shapes do not fit, or a number is not accepted.
    """

    def add(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """A + b. Arguments as of all of them: see `Elementwise`."""
        ids = self.check("add", "a", a), self.check("add", "b", b)
        numbers = _numbers("add", primary_scale, secondary_scale, bias, low, high)
        plain = numbers == (1, 1, 0, -math.inf, math.inf) and a.shape == b.shape
        if plain and self.core.batched(ids[0]) == self.core.batched(ids[1]):
            return self._append("add", ops.Add(), ids, name)
        return self._add("add", ops.Arithmetic("add", *numbers), name, a=a, b=b)

    def subtract(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """A - b. Arguments as of all of them: see `Elementwise`."""
        numbers = (primary_scale, secondary_scale, bias, low, high)
        return self._arithmetic("subtract", a, b, numbers, name)

    def multiply(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """A * b. Arguments as of all of them: see `Elementwise`."""
        numbers = (primary_scale, secondary_scale, bias, low, high)
        return self._arithmetic("multiply", a, b, numbers, name)

    def divide(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """A / b. Arguments as of all of them: see `Elementwise`."""
        numbers = (primary_scale, secondary_scale, bias, low, high)
        return self._arithmetic("divide", a, b, numbers, name)

    def minimum(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """The lesser; a has the gradient where both are equal. See `Elementwise`."""
        numbers = (primary_scale, secondary_scale, bias, low, high)
        return self._arithmetic("minimum", a, b, numbers, name)

    def maximum(
        self,
        a: Value,
        b: Value,
        *,
        primary_scale: float = 1.0,
        secondary_scale: float = 1.0,
        bias: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        name: str | None = None,
    ) -> Value:
        """The greater; a has the gradient where both are equal. See `Elementwise`."""
        numbers = (primary_scale, secondary_scale, bias, low, high)
        return self._arithmetic("maximum", a, b, numbers, name)

    def _arithmetic(
        self, kind: str, a: Value, b: Value, numbers: tuple[float, ...], name: str | None
    ) -> Value:
        return self._add(kind, ops.Arithmetic(kind, *_numbers(kind, *numbers)), name, a=a, b=b)


class Comparisons(Elementwise):
    """Comparisons of two values, aligned as in `Elementwise`: 1 where true, else 0.

    They stop gradients.
    """

    def equal(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a = b, else 0."""
        return self._compare("equal", a, b, name)

    def not_equal(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a is not b, else 0."""
        return self._compare("not_equal", a, b, name)

    def less(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a < b, else 0."""
        return self._compare("less", a, b, name)

    def less_equal(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a <= b, else 0."""
        return self._compare("less_equal", a, b, name)

    def greater(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a > b, else 0."""
        return self._compare("greater", a, b, name)

    def greater_equal(self, a: Value, b: Value, *, name: str | None = None) -> Value:
        """1 where a >= b, else 0."""
        return self._compare("greater_equal", a, b, name)

    def _compare(self, kind: str, a: Value, b: Value, name: str | None) -> Value:
        return self._arithmetic(kind, a, b, (1, 1, 0, -math.inf, math.inf), name)


class Arithmetic(Comparisons):
    """Arithmetic on two values, and products of matrices."""

    def scale_bias(
        self, x: Value, scale: Value, bias: Value | None = None, *, name: str | None = None
    ) -> Value:
        """X * scale + bias, both aligned with `x` as in `Elementwise`; say, one per channel."""
        for argument, value in (("x", x), ("scale", scale), ("bias", bias)):
            if value is not None:
                self.check("scale_bias", argument, value)
                _check_fit("scale_bias", argument, x, value)
        scaled = self.multiply(x, scale, name=name if bias is None else None)
        return scaled if bias is None else self.add(scaled, bias, name=name)

    def matmul(
        self,
        a: Value,
        b: Value,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        name: str | None = None,
    ) -> Value:
        """Product of the matrices in the last two axes.

        Args:
            a: (..., M, K), or (..., K, M) if it is transposed.
            b: (..., K, O), or (..., O, K) if it is transposed. The axes before are equal, or
                missing on one side; one side may have no batch axis.
            transpose_a: Whether the last two axes of `a` change places first.
            transpose_b: The same of `b`.
            name: Of the node.

        Returns:
            (..., M, O).

        Raises:
            ShapeError: If the shapes do not fit.
        """
        return self._add("matmul", ops.MatMul(bool(transpose_a), bool(transpose_b)), name, a=a, b=b)

    def gram_matrix(self, x: Value, alpha: float = 1.0, *, name: str | None = None) -> Value:
        """Alpha times the sum over pixels of x[c] x[d], (C, C), of an image (H, W, C).

        The style of an image in Gatys et al., https://arxiv.org/abs/1508.06576.

        Raises:
            ShapeError: If `x` is no image.
        """
        op = ops.GramMatrix(arguments.real("gram_matrix", "alpha", alpha))
        return self._add("gram_matrix", op, name, x=x)


def _numbers(
    kind: str, primary_scale: float, secondary_scale: float, bias: float, low: float, high: float
) -> tuple[float, ...]:
    """Finite ones, and bounds that may be infinite."""
    finite = {"primary_scale": primary_scale, "secondary_scale": secondary_scale, "bias": bias}
    bounds = {"low": low, "high": high}
    infinite = [isinstance(v, float) and math.isinf(v) for v in bounds.values()]
    return (
        *(arguments.real(kind, argument, value) for argument, value in finite.items()),
        *(
            value if unbounded else arguments.real(kind, argument, value)
            for (argument, value), unbounded in zip(bounds.items(), infinite, strict=True)
        ),
    )


def _check_fit(op: str, argument: str, x: Value, other: Value) -> None:
    """That adding `other` to a value of the shape of `x` will not be refused."""
    if other.dtype != "float32":
        raise ShapeError(f"{op}: {argument} {other.shape} must be float32, got {other.dtype}")
    wide, narrow = x.shape, other.shape
    fits = len(narrow) <= len(wide) and all(
        n in (1, w) for n, w in zip(reversed(narrow), reversed(wide), strict=False)
    )
    if not fits:
        raise ShapeError(f"{op}: {argument} {narrow} must fit x {wide}")
