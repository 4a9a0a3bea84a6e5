"""What a row of the tables in cases_*.py says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mpsnn import Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """`build(graph, *values)` applies one op to values of the given shapes.

    `kink` is for ops that are not differentiable everywhere: the samples then keep away
    from 0, and from each other, by more than a finite difference moves them. An op that is
    not `differentiable` rounds, which makes it a step function: its gradient is that of another
    function, and a finite difference says nothing about it.
    """

    op: str
    build: Callable[..., Value]
    images: tuple[Shape, ...]
    parameters: tuple[Shape, ...] = ()
    kink: bool = False
    differentiable: bool = True
    loss: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = "+".join("x".join(map(str, s)) or "()" for s in self.images + self.parameters)
        extra = ",".join(f"{k}={v}".replace(" ", "") for k, v in self.options.items())
        return f"{self.op}-{shapes}[{extra}]"
