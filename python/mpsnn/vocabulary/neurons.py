"""Activation functions, softmax and dropout, as methods of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from mpsnn import arguments
from mpsnn._core import ShapeError, ops
from mpsnn.inputs import Inputs
from mpsnn.values import Value


class Neurons(Inputs):
    """The elementwise neurons of a graph: y = f(x), of any shape."""

    def linear(self, x: Value, a: float = 1.0, b: float = 0.0, *, name: str | None = None) -> Value:
        """A x + b."""
        return self._neuron("linear", x, a, b, name=name)

    def relu(self, x: Value, negative_slope: float = 0.0, *, name: str | None = None) -> Value:
        """X where x >= 0, else `negative_slope` * x. Its gradient at 0 is that slope; in MPS 1."""
        return self._neuron("relu", x, negative_slope, name=name)

    def leaky_relu(
        self, x: Value, negative_slope: float = 0.01, *, name: str | None = None
    ) -> Value:
        """X where x >= 0, else `negative_slope` * x."""
        return self._neuron("relu", x, negative_slope, name=name)

    def relu_n(
        self, x: Value, b: float = 6.0, negative_slope: float = 0.0, *, name: str | None = None
    ) -> Value:
        """min(relu(x, negative_slope), b), b > 0. Its gradient is 0 where y = b."""
        return self._neuron("relu_n", x, negative_slope, b, name=name)

    def relu6(self, x: Value, *, name: str | None = None) -> Value:
        """min(max(x, 0), 6)."""
        return self._neuron("relu_n", x, 0.0, 6.0, name=name)

    def sigmoid(self, x: Value, *, name: str | None = None) -> Value:
        """1 / (1 + exp(-x))."""
        return self._neuron("sigmoid", x, name=name)

    def hard_sigmoid(
        self, x: Value, a: float = 0.2, b: float = 0.5, *, name: str | None = None
    ) -> Value:
        """A x + b, not below 0 or above 1."""
        return self._neuron("hard_sigmoid", x, a, b, name=name)

    def tanh(self, x: Value, a: float = 1.0, b: float = 1.0, *, name: str | None = None) -> Value:
        """The hyperbolic tangent of b x, times a."""
        return self._neuron("tanh", x, a, b, name=name)

    def abs(self, x: Value, *, name: str | None = None) -> Value:
        """|x|. Its gradient at 0 is 0."""
        return self._neuron("abs", x, name=name)

    def softplus(
        self, x: Value, a: float = 1.0, b: float = 1.0, *, name: str | None = None
    ) -> Value:
        """A log(1 + exp(b x)), for x of any size."""
        return self._neuron("softplus", x, a, b, name=name)

    def softsign(self, x: Value, *, name: str | None = None) -> Value:
        """X / (1 + |x|)."""
        return self._neuron("softsign", x, name=name)

    def elu(self, x: Value, a: float = 1.0, *, name: str | None = None) -> Value:
        """X where x >= 0, else a (exp(x) - 1)."""
        return self._neuron("elu", x, a, name=name)

    def power(
        self, x: Value, c: float, a: float = 1.0, b: float = 0.0, *, name: str | None = None
    ) -> Value:
        """(a x + b) ** c. Its gradient is 0 where it would be infinite."""
        return self._neuron("power", x, a, b, c, name=name)

    def sqrt(self, x: Value, *, name: str | None = None) -> Value:
        """The square root. Its gradient at 0 is 0."""
        return self._neuron("power", x, 1.0, 0.0, 0.5, name=name)

    def square(self, x: Value, *, name: str | None = None) -> Value:
        """X times itself."""
        return self._neuron("power", x, 1.0, 0.0, 2.0, name=name)

    def exp(self, x: Value, *, name: str | None = None) -> Value:
        """E ** x."""
        return self._neuron("exponential", x, 1.0, 0.0, -1.0, name=name)

    def exponential(
        self,
        x: Value,
        a: float = 1.0,
        b: float = 0.0,
        c: float = -1.0,
        *,
        name: str | None = None,
    ) -> Value:
        """C ** (a x + b), with c > 0 and not 1, or -1 for e."""
        return self._neuron("exponential", x, a, b, c, name=name)

    def log(self, x: Value, *, name: str | None = None) -> Value:
        """The natural logarithm."""
        return self._neuron("logarithm", x, 1.0, 0.0, -1.0, name=name)

    def logarithm(
        self,
        x: Value,
        a: float = 1.0,
        b: float = 0.0,
        c: float = -1.0,
        *,
        name: str | None = None,
    ) -> Value:
        """Logarithm of a x + b to the base c, with c > 0 and not 1, or -1 for e."""
        return self._neuron("logarithm", x, a, b, c, name=name)

    def gelu(self, x: Value, *, name: str | None = None) -> Value:
        """X times the standard normal distribution function of x, by erf (not by tanh)."""
        return self._neuron("gelu", x, name=name)

    def silu(self, x: Value, *, name: str | None = None) -> Value:
        """X sigmoid(x), also called swish."""
        return self._neuron("silu", x, name=name)

    def clamp(self, x: Value, low: float, high: float, *, name: str | None = None) -> Value:
        """min(max(x, low), high). Its gradient is 0 outside and at both."""
        return self._neuron("clamp", x, low, high, name=name)

    def prelu(self, x: Value, slope: Value, *, name: str | None = None) -> Value:
        """X where x >= 0, else slope x, with a slope per channel.

        Args:
            x: (..., C).
            slope: (C,), a parameter; it has a gradient.
            name: Of the node.

        Raises:
            ShapeError: If the shapes do not fit.
        """
        return self._add("prelu", ops.PRelu(), name, x=x, slope=slope)

    def _neuron(
        self,
        kind: str,
        x: Value,
        a: float = 0.0,
        b: float = 0.0,
        c: float = 0.0,
        *,
        name: str | None,
    ) -> Value:
        numbers = (arguments.real(kind, n, v) for n, v in (("a", a), ("b", b), ("c", c)))
        return self._add(kind, ops.Neuron(kind, *numbers), name, x=x)


class Activations(Neurons):
    """Neurons, and what works on whole vectors or by chance."""

    def softmax(self, x: Value, *, name: str | None = None) -> Value:
        """exp(x) / sum exp(x), over the last axis."""
        return self._add("softmax", ops.Softmax(), name, x=x)

    def log_softmax(self, x: Value, *, name: str | None = None) -> Value:
        """X - log sum exp(x), over the last axis."""
        return self._add("log_softmax", ops.LogSoftmax(), name, x=x)

    def dropout(
        self,
        x: Value,
        rate: float = 0.5,
        mask_strides: Sequence[int] | None = None,
        *,
        name: str | None = None,
    ) -> Value:
        """Zero each element with probability `rate`; scale the rest by 1 / (1 - rate).

        The mask is drawn anew at every training step, from a generator (Philox) keyed by
        the trainer's seed, the place of this node among the graph's dropouts, and the
        step. Inference passes `x` through.

        Args:
            x: Of any shape.
            rate: Probability of zero, at least 0 and less than 1.
            mask_strides: For each axis of `x` 1 or, where all positions have one draw, 0:
                (0, 0, 1) drops whole channels. None: 1 everywhere.
            name: Of the node.

        Raises:
            ShapeError: If a number is not accepted.
        """
        self.check("dropout", "x", x)
        rank = len(x.shape)
        given = (1,) * rank if mask_strides is None else mask_strides
        strides = [arguments.integer("dropout", "mask_strides", s) for s in given]
        if len(strides) != rank or any(s > 1 for s in strides):
            raise ShapeError(
                f"dropout: mask_strides must be 0 or 1 for each axis of x {x.shape}, got {given!r}"
            )
        whole = [1] * (4 - rank) + strides
        op = ops.Dropout(arguments.fraction("dropout", "rate", rate), self._dropouts, whole)
        value = self._add("dropout", op, name, x=x)
        self._dropouts += 1
        return value

    def spatial_dropout(self, x: Value, rate: float = 0.5, *, name: str | None = None) -> Value:
        """Dropout of whole channels: of (..., C), each image and channel has one draw.

        Arguments and errors as `dropout`.
        """
        self.check("spatial_dropout", "x", x)
        strides = (0,) * (len(x.shape) - 1) + (1,) * min(len(x.shape), 1)
        return self.dropout(x, rate, strides, name=name)
