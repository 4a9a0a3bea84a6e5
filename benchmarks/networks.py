"""The networks that are measured: one description, from which each contestant builds its own.

Sizes are per image: (H, W, C), a sequence (T, C), or (C,). Paddings are numbers on both sides of an
axis, which every library understands. `weights` draws the same values for everyone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]
Size: TypeAlias = "int | tuple[int, ...]"

EPSILON = 1e-3  # of every batch norm
SLOPE = 0.1  # of every leaky relu
DROPOUT = 0.5


@dataclass(frozen=True)
class Node:
    """One op. `inputs` are earlier nodes, by their place; `shape` is that of its result."""

    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    bias: bool = False


@dataclass
class Network:
    """Nodes in the order in which they run; the first is the input, the last the result."""

    nodes: list[Node] = field(default_factory=list)

    def shape(self, x: int) -> tuple[int, ...]:
        """Of the result of node `x`."""
        return self.nodes[x].shape

    def input(self, *shape: int) -> int:
        """What is fed."""
        return self._add(Node("input", (), shape))

    def conv(
        self, x: int, channels: int, kernel: Size, stride: int = 1, padding: Size = 0,
        bias: bool = False,
    ) -> int:  # fmt: skip
        """Over an image, or over a sequence."""
        return self._window("conv", x, channels, (kernel, stride, padding), bias)

    def max_pool(self, x: int, kernel: int, stride: int) -> int:
        """The largest value of each window."""
        return self._window("max_pool", x, self.shape(x)[-1], (kernel, stride, 0))

    def avg_pool(self, x: int, kernel: int, stride: int, padding: int) -> int:
        """The mean of each window's pixels inside the image."""
        return self._window("avg_pool", x, self.shape(x)[-1], (kernel, stride, padding))

    def dense(self, x: int, units: int) -> int:
        """With a bias, of all values of `x`."""
        return self._add(Node("dense", (x,), (units,), bias=True))

    def lstm(self, x: int, units: int) -> int:
        """The last hidden state, (units,), of a sequence."""
        return self._add(Node("lstm", (x,), (units,), bias=True))

    def mean(self, x: int) -> int:
        """Of the pixels of each channel."""
        return self._add(Node("mean", (x,), self.shape(x)[-1:]))

    def batch_norm(self, x: int) -> int:
        return self._same("batch_norm", x)

    def relu(self, x: int) -> int:
        return self._same("relu", x)

    def leaky_relu(self, x: int) -> int:
        return self._same("leaky_relu", x)

    def dropout(self, x: int) -> int:
        return self._same("dropout", x)

    def add(self, a: int, b: int) -> int:
        return self._add(Node("add", (a, b), self.shape(a)))

    def concat(self, *parts: int) -> int:
        """Along the channels."""
        channels = sum(self.shape(part)[-1] for part in parts)
        return self._add(Node("concat", parts, (*self.shape(parts[0])[:-1], channels)))

    def _same(self, op: str, x: int) -> int:
        return self._add(Node(op, (x,), self.shape(x)))

    def _window(
        self, op: str, x: int, channels: int, window: tuple[Size, Size, Size], bias: bool = False
    ) -> int:
        spatial = self.shape(x)[:-1]
        kernel, stride, padding = (
            (size,) * len(spatial) if isinstance(size, int) else size for size in window
        )
        extents = [
            (n + 2 * p - k) // s + 1
            for n, k, s, p in zip(spatial, kernel, stride, padding, strict=True)
        ]
        return self._add(Node(op, (x,), (*extents, channels), kernel, stride, padding, bias))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1


def weights(network: Network) -> list[dict[str, Array]]:
    """Of each node, by name.

    A convolution's weight is (O, K.h, K.w, C) or (O, K, C); a dense one's (O, C) with its columns in
    the order of H, W, C. An LSTM has weight (4 H, I), recurrent (4 H, H) and bias (4 H,), the gates
    input, forget, cell and output below each other.
    """
    rng = np.random.default_rng(1)

    def uniform(*shape: int, inputs: int, gain: float = 1.0) -> Array:
        bound = math.sqrt(3 * gain / inputs)
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    def between(low: float, high: float, size: int) -> Array:
        return rng.uniform(low, high, size).astype(np.float32)

    drawn: list[dict[str, Array]] = []
    for node in network.nodes:
        own: dict[str, Array] = {}
        before = network.shape(node.inputs[0]) if node.inputs else ()
        units = node.shape[-1]
        if node.op in ("conv", "dense"):
            shape = (*node.kernel, before[-1]) if node.op == "conv" else (math.prod(before),)
            own["weight"] = uniform(units, *shape, inputs=math.prod(shape), gain=2)
            if node.bias:
                own["bias"] = between(-0.1, 0.1, units)
        elif node.op == "lstm":
            own["weight"] = uniform(4 * units, before[-1], inputs=before[-1])
            own["recurrent"] = uniform(4 * units, units, inputs=units)
            own["bias"] = between(-0.1, 0.1, 4 * units)
        elif node.op == "batch_norm":
            own["gamma"], own["beta"] = between(0.9, 1.1, units), between(-0.1, 0.1, units)
            own["running_mean"], own["running_var"] = (
                between(-0.1, 0.1, units),
                between(0.9, 1.1, units),
            )
        drawn.append(own)
    return drawn


def parameters(network: Network) -> int:
    """How many numbers training changes."""
    return sum(
        array.size
        for own in weights(network)
        for name, array in own.items()
        if not name.startswith("running")
    )


def flops(network: Network) -> int:
    """Multiplications and additions of one image's convolutions and products, forward."""
    total = 0
    for node in network.nodes:
        before = network.shape(node.inputs[0]) if node.inputs else ()
        if node.op == "conv":
            total += 2 * math.prod(node.shape) * math.prod(node.kernel) * before[-1]
        elif node.op == "dense":
            total += 2 * node.shape[0] * math.prod(before)
        elif node.op == "lstm":
            total += 2 * before[0] * 4 * node.shape[0] * (before[-1] + node.shape[0])
    return total


def options(node: Node) -> dict[str, Any]:
    """Of a window, by the names that most libraries give them."""
    return {"kernel_size": node.kernel, "stride": node.stride, "padding": node.padding}
