"""Values of a graph, and the bookkeeping that every graph needs: names, nodes, checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mpsnn import _core, arguments
from mpsnn._core import ShapeError

if TYPE_CHECKING:
    from mpsnn.graph import Graph
    from mpsnn.indexing import Index


@dataclass(frozen=True)
class Value:
    """What one node of one graph computes. Shapes are per image; the batch comes later."""

    graph: Graph
    id: _core.ValueId

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C), (K,) or (); the batch axis is not part of it."""
        return tuple(self.graph.core.shape(self.id))

    @property
    def dtype(self) -> str:
        """As numpy spells it; float32 for everything that a network computes."""
        return self.graph.core.dtype(self.id)

    @property
    def label(self) -> str:
        """Name of the node that computes it, unique for inputs and parameters."""
        return self.graph.core.label(self.id)

    @property
    def states(self) -> dict[str, Value]:
        """What its node computes besides, by name: a dropout's mask, a batch_norm's statistics.

        A state can be exported from training steps, and read by other ops.
        """
        node = self.graph.node(self)
        pairs = zip(node.output_names, node.outputs, strict=True)
        return {name: Value(self.graph, v) for name, v in list(pairs)[1:] if v.index >= 0}

    # Numbers and values on the other side; anything else is a TypeError, arrays too.
    __array_ufunc__ = None

    def __add__(self, other: Value | float) -> Value:
        """The sum; axes are aligned as in `Graph.add`."""
        if isinstance(other, Value):
            return self.graph.add(self, other)
        return self._linear(1, other, other)

    __radd__ = __add__

    def __sub__(self, other: Value | float) -> Value:
        """The difference."""
        if isinstance(other, Value):
            return self.graph.subtract(self, other)
        return self._linear(1, -other if isinstance(other, int | float) else 0, other)

    def __rsub__(self, other: float) -> Value:
        """A number minus the value."""
        return self._linear(-1, other, other)

    def __mul__(self, other: Value | float) -> Value:
        """The product, element by element."""
        if isinstance(other, Value):
            return self.graph.multiply(self, other)
        return self._linear(other, 0, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Value | float) -> Value:
        """The quotient, element by element."""
        if isinstance(other, Value):
            return self.graph.divide(self, other)
        return self._linear(1 / other if isinstance(other, int | float) else 0, 0, other)

    def __rtruediv__(self, other: float) -> Value:
        """A number divided by the value."""
        if not isinstance(other, int | float):
            return NotImplemented
        return self.graph.power(self, -1.0) * other

    def __pow__(self, exponent: float) -> Value:
        """The power with a number as exponent."""
        if not isinstance(exponent, int | float):
            return NotImplemented
        return self.graph.power(self, exponent)

    def __neg__(self) -> Value:
        """The value with the other sign."""
        return self.graph.linear(self, -1.0)

    def __abs__(self) -> Value:
        """Without its sign."""
        return self.graph.abs(self)

    def __matmul__(self, other: Value) -> Value:
        """The product of matrices: see `Graph.matmul`."""
        if not isinstance(other, Value):
            return NotImplemented
        return self.graph.matmul(self, other)

    def _linear(self, a: float, b: float, number: object) -> Value:
        """A x + b, if `number` is one."""
        if isinstance(number, bool) or not isinstance(number, int | float):
            return NotImplemented  # type: ignore[no-any-return]
        return self.graph.linear(self, a, b)

    __iter__ = None  # or `for v in x` would try x[0], x[1], ...

    def __getitem__(self, index: Index) -> Value:
        """Part of the value, as in numpy: `x[1:3, ::2]`; an int drops its axis."""
        return self.graph.item(self, index)

    def __repr__(self) -> str:
        return f"Value({self.label or self.id.index!r}, shape={self.shape}, dtype={self.dtype})"


class Nodes:
    """The nodes and names of a graph under construction. The base of `Graph`."""

    def __init__(self, seed: int = 0) -> None:
        self.core = _core.Graph()
        self.seed = arguments.seed(seed)
        self._names: set[str] = set()
        self._counts: dict[str, int] = {}

    def __str__(self) -> str:
        return self.core.print()

    def unique_name(self, kind: str, name: str | None = None) -> str:
        """Reserve `name`, or the next free of `kind`_1, `kind`_2, ...

        Raises:
            ShapeError: If `name` is taken.
        """
        if name is None:
            name = self._next(kind)
            while name in self._names:
                name = self._next(kind)
        elif not isinstance(name, str) or not name:
            raise TypeError(f"{kind}: name must be text, got {name!r}")
        elif name in self._names:
            raise ShapeError(f"{kind}: name {name!r} is already used in this graph")
        self._names.add(name)
        return name

    @contextmanager
    def naming(self, kind: str, name: str | None = None) -> Iterator[str]:
        """`unique_name` for a group of nodes, given back if one of them is refused."""
        names, counts = self._names.copy(), self._counts.copy()
        try:
            yield self.unique_name(kind, name)
        except BaseException:
            self._names, self._counts = names, counts
            raise

    def check(self, op: str, argument: str, value: object) -> _core.ValueId:
        """The id of `value`.

        Raises:
            TypeError: If it is no Value.
            ShapeError: If it is of another graph.
        """
        if not isinstance(value, Value):
            raise TypeError(f"{op}: {argument} must be a Value, got {type(value).__name__}")
        if cast(object, value.graph) is not self:
            raise ShapeError(f"{op}: {argument} {value!r} belongs to another graph")
        return value.id

    def _next(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}_{self._counts[kind]}"

    def _add(self, kind: str, op: Any, name: str | None = None, **inputs: Value | None) -> Value:
        """Append `op`, reading `inputs`, whose names are those of the arguments."""
        ids = [
            _core.ValueId()
            if value is None and argument == "bias"
            else self.check(kind, argument, value)
            for argument, value in inputs.items()
        ]
        return self._append(kind, op, ids, name)

    def _append(self, kind: str, op: Any, ids: Sequence[_core.ValueId], name: str | None) -> Value:
        """Append `op` under `name`, or under the next free name of its kind."""
        with nullcontext(name) if name is not None else self.naming(kind) as label:
            return Value(cast("Graph", self), self.core.add(op, list(ids), label))
