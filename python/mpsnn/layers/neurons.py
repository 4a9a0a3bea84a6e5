"""Activation functions and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.initializers import Constant
from mpsnn.layers.base import appended, value_of
from mpsnn.sources import InitializerSource
from mpsnn.values import Value


@dataclass(frozen=True)
class ReLU:
    """X where x >= 0, else `negative_slope` * x, as `Graph.relu`.

    Args:
        negative_slope: Slope below 0.
        max_value: Largest result, as of `Graph.relu_n`. None: any.
    """

    negative_slope: float = 0.0
    max_value: float | None = None

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        graph = value_of("relu", x).graph
        if self.max_value is None:
            return graph.relu(x, self.negative_slope)
        return graph.relu_n(x, self.max_value, self.negative_slope)


@dataclass(frozen=True)
class LeakyReLU:
    """X where x >= 0, else `negative_slope` * x, as `Graph.leaky_relu`."""

    negative_slope: float = 0.01

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("leaky_relu", x).graph.leaky_relu(x, self.negative_slope)


@dataclass(frozen=True)
class PReLU:
    """X where x >= 0, else a slope times x, one trainable slope per channel.

    Args:
        slope: Of each, at first.
        name: Of the layer. None: prelu_1, prelu_2, ...
    """

    slope: float = 0.25
    name: str | None = None

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`, (..., C)."""
        return appended(self._append, value_of("prelu", x))

    def _append(self, x: Value) -> Value:
        graph = x.graph
        shape = x.shape[-1:] or (1,)
        with graph.naming("prelu", self.name) as name:
            first = InitializerSource(slope=Constant(arguments.real("prelu", "slope", self.slope)))
            slope = graph.parameters(first, {"slope": shape}, name=name)["slope"]
            return graph.prelu(x, slope, name=name)


@dataclass(frozen=True)
class ELU:
    """X where x >= 0, else `alpha` (exp(x) - 1), as `Graph.elu`."""

    alpha: float = 1.0

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("elu", x).graph.elu(x, self.alpha)


@dataclass(frozen=True)
class Activation:
    """A function of one value by the name of its method: "relu", "sigmoid", "softmax", ...

    Args:
        function: Name of a method of `Graph` that takes one value.

    Raises:
        ShapeError: If there is no such function.
    """

    function: str

    def __post_init__(self) -> None:
        if self.function not in ACTIVATIONS:
            names = ", ".join(ACTIVATIONS)
            raise ShapeError(f"activation: function must be one of {names}, got {self.function!r}")

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        value_of("activation", x)
        y = getattr(x.graph, self.function)(x)
        assert isinstance(y, Value)
        return y


ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "relu6",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "abs",
    "softplus",
    "softsign",
    "elu",
    "exp",
    "gelu",
    "silu",
    "softmax",
    "log_softmax",
)


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-x))."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("sigmoid", x).graph.sigmoid(x)


@dataclass(frozen=True)
class Tanh:
    """The hyperbolic tangent."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("tanh", x).graph.tanh(x)


@dataclass(frozen=True)
class GELU:
    """X times the standard normal distribution function of x."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("gelu", x).graph.gelu(x)


@dataclass(frozen=True)
class SiLU:
    """X sigmoid(x)."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("silu", x).graph.silu(x)


@dataclass(frozen=True)
class Softmax:
    """exp(x) / sum exp(x), over the last axis."""

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("softmax", x).graph.softmax(x)


@dataclass(frozen=True)
class Dropout:
    """Zeroes elements while training, as `Graph.dropout`.

    Args:
        rate: Probability of zero, at least 0 and less than 1.
        mask_strides: 0 for each axis of `x` whose positions have one draw, else 1.
    """

    rate: float = 0.5
    mask_strides: Sequence[int] | None = None

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("dropout", x).graph.dropout(x, self.rate, self.mask_strides)


@dataclass(frozen=True)
class SpatialDropout2d:
    """Zeroes whole channels of an image while training, as `Graph.spatial_dropout`."""

    rate: float = 0.5

    def __call__(self, x: Value) -> Value:
        """Of the shape of `x`."""
        return value_of("spatial_dropout", x).graph.spatial_dropout(x, self.rate)
