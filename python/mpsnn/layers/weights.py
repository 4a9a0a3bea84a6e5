"""The parameters of a layer."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from mpsnn import arguments, initializers, sources
from mpsnn._core import ShapeError
from mpsnn.arguments import Pair
from mpsnn.graph import Graph
from mpsnn.initializers import Initializer
from mpsnn.sources import DataSource, InitializerSource
from mpsnn.values import Value

Shapes: TypeAlias = dict[str, tuple[int, ...]]


class Owner(Protocol):
    """A layer that says where its weights come from."""

    @property
    def source(self) -> DataSource | None: ...
    @property
    def initializer(self) -> Initializer: ...
    @property
    def trainable(self) -> bool: ...


def check(op: str, source: DataSource | None, **drawn: Initializer) -> None:
    """What weights are lent or drawn by, when a layer is made.

    Raises:
        TypeError: If `source` is none, or one of `drawn`, by the names of the arguments.
    """
    sources.check(op, source)
    for argument, initializer in drawn.items():
        initializers.check(op, argument, initializer)


def lent(layer: Owner, graph: Graph, name: str, shapes: Shapes) -> dict[str, Value]:
    """Parameters of `shapes`, from the layer's source or drawn by its initializer."""
    others = {tensor: layer.initializer for tensor in shapes if tensor not in ("weight", "bias")}
    source = layer.source or InitializerSource(
        seed=graph.seed, name=name, weight=layer.initializer, **others
    )
    frozen = () if layer.trainable else tuple(shapes)
    return graph.parameters(source, shapes, name=name, frozen=frozen)


def image_shapes(op: str, x: Value, channels: int, kernel: Pair, groups: int, bias: bool) -> Shapes:
    """Of the weight (O, K.h, K.w, C / groups) and bias of a convolution of image `x`."""
    outputs = arguments.integer(op, "channels", channels, 1)
    count = arguments.integer(op, "groups", groups, 1)
    if len(x.shape) != 3:
        raise ShapeError(f"{op}: x {x.shape} must be an image (H, W, C)")
    if x.shape[-1] % count or outputs % count:
        raise ShapeError(
            f"{op}: groups must divide the channels of x {x.shape} and the {outputs} "
            f"output channels, got {count}"
        )
    weight = (outputs, *arguments.pair(op, "kernel", kernel), x.shape[-1] // count)
    return {"weight": weight, "bias": (outputs,)} if bias else {"weight": weight}
