"""Runs one case on one backend: the op, a loss behind it, and all gradients."""

from __future__ import annotations

import numpy as np
from case import Case
from numpy.typing import NDArray

from mpsnn import Graph, Value, _core

BATCH = 4
CLASSES = 4


def sample(rng: np.random.Generator, shape: tuple[int, ...], kink: bool) -> NDArray[np.float64]:
    """Normal numbers, exact in float32; with a kink all distinct and at least 0.01 from 0."""
    values = rng.standard_normal(shape)
    if kink:
        steps = 1 + np.arange(values.size)
        values = (rng.permutation(steps) * 0.01 * rng.choice([-1, 1], steps.size)).reshape(shape)
    return values.astype(np.float32).astype(np.float64)


class Runner:
    """The training pass of `case`, without updates: losses and gradients for given data."""

    def __init__(
        self,
        case: Case,
        backend: str,
        images: int = BATCH,
        batch: int = BATCH,
        precision: str = "float32",
    ) -> None:
        self.images = images
        self.dtype = np.float64 if backend == "reference" else np.float32
        g = Graph()
        self.labels = g.labels(CLASSES)
        self.inputs = [g.input(*s) for s in case.images]
        self.parameters = [g.parameter(*s, name=f"p{i}") for i, s in enumerate(case.parameters)]
        y = case.build(g, *self.inputs, *self.parameters, **case.options)
        # Positions are int32 and go nowhere: the loss is then of x alone.
        self.loss = y if case.loss else self._head(g, y if y.dtype == "float32" else self.inputs[0])
        self.wrt = [*self.inputs, *self.parameters]
        self.y = y
        self.graph = g
        ids = _core.add_gradients(g.core, self.loss.id, [v.id for v in self.wrt])
        self.gradients = ids
        self.outputs = [self.loss.id, y.id, *ids]
        self.exe = _core.compile(
            g.core,
            batch=batch,
            outputs=self.outputs,
            backend=backend,
            seed=7,
            precision=_core.Precision(precision, precision),
        )
        if "variance" in [name for name, *_ in self.exe.session.variables()]:
            self._write("variance", np.ones(self.shape_of("variance")))

    def _head(self, g: Graph, y: Value) -> Value:
        """A dense layer and a loss, so that dy is not all ones."""
        size = int(np.prod(y.shape))
        self.parameters.append(g.parameter(CLASSES, size, name="head"))
        return g.softmax_cross_entropy(g.dense(y, self.parameters[-1]), self.labels)

    def shape_of(self, name: str) -> tuple[int, ...]:
        return next(tuple(shape) for n, shape, *_ in self.exe.session.variables() if n == name)

    def _write(self, name: str, array: NDArray[np.float64]) -> None:
        self.exe.session.write({name: np.array(array, self.dtype, order="C")})

    def data(self, case: Case, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """A value for each input and parameter."""
        shapes = [(self.images, *v.shape) for v in self.inputs]
        shapes += [v.shape for v in self.parameters]
        arrays = [sample(rng, s, case.kink and i < len(self.inputs)) for i, s in enumerate(shapes)]
        if self.parameters and self.parameters[-1].label == "head":
            # Logits of a size at which a softmax is not saturated: its gradient then has digits.
            scale = np.float32(1 / np.sqrt(shapes[-1][1]))
            arrays[-1] = (scale * arrays[-1].astype(np.float32)).astype(np.float64)
        return arrays

    def bindings(self, rng: np.random.Generator, graph: _core.Graph | None = None):
        """Labels that are no one-hot, and weights that are not 1, if the graph reads them."""
        labels = rng.dirichlet(np.ones(CLASSES), self.images)
        weights = rng.uniform(0.5, 1.5, self.images).astype(np.float32)
        ids = self.graph.core.outputs(self.labels.id)
        bound = [(ids[0], labels.astype(np.float32)), (ids[1], weights)]
        read = {v.index for node in _core.nodes(graph or self.graph.core) for v in node.inputs}
        return [(v, array) for v, array in bound if v.index in read]

    def __call__(self, labels, *arrays):
        """Loss per image, y, and the gradient of the mean loss by each argument."""
        n = len(self.inputs)
        for value, array in zip(self.parameters, arrays[n:], strict=True):
            self._write(value.label, array)
        bound = [
            (v.id, np.array(a, self.dtype, order="C"))
            for v, a in zip(self.inputs, arrays[:n], strict=True)
        ]
        return self.exe.run(self.images, [*bound, *labels], self.outputs)
