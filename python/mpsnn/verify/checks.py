"""One row on two backends, and the reference beside finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsnn import _core, layers
from mpsnn.graph import Graph
from mpsnn.optim import SGD, Adam, RMSProp
from mpsnn.training import Trainer
from mpsnn.values import Value
from mpsnn.verify.rows import BATCH, Row

Array = NDArray[Any]
Outcome = dict[str, Any]
Rule = SGD | Adam | RMSProp

CLASSES = 4

# float32, and the fast functions of a GPU, stay well under it; a wrong formula does not.
LIMIT = 1e-3

# Adam and RMSProp divide by the size of a gradient, so that a small one's rounding weighs more.
TRAINING_LIMIT = 1e-2

# Of a difference quotient of float64: see `differences`.
GRADIENT_LIMIT = 1e-5
STEP = 1e-4

STEPS = 6
OPTIMIZERS: dict[str, Rule] = {
    "SGD": SGD(0.05),
    "SGD with momentum": SGD(0.05, momentum=0.9),
    "Adam": Adam(1e-2),
    "RMSProp": RMSProp(1e-2),
}


class Pass:
    """The training pass of a row, without updates: loss, y, and gradients of the mean loss."""

    def __init__(self, row: Row, backend: str) -> None:
        self.row = row
        self.dtype = np.float64 if backend == "reference" else np.float32
        g = Graph()
        self.labels = g.labels(*(row.labels or (CLASSES,)), name="labels")
        self.inputs = [g.input(*shape) for shape in row.images]
        self.parameters = [
            g.parameter(*s, name=f"parameter_{i + 1}") for i, s in enumerate(row.parameters)
        ]
        given = [self.labels] if row.labels else []
        y = row.build(g, *given, *self.inputs, *self.parameters)
        loss = y if row.labels else self._head(g, y)
        wrt = [*self.inputs, *self.parameters]
        ids = _core.add_gradients(g.core, loss.id, [v.id for v in wrt])
        self.names = ["loss", "result", *(f"gradient of {v.label}" for v in wrt)]
        self._outputs = [loss.id, y.id, *ids]
        self._exe = _core.compile(
            g.core, batch=BATCH, outputs=self._outputs, backend=backend, seed=7
        )

    def _head(self, g: Graph, y: Value) -> Value:
        """A dense layer and a loss, so that the gradient of y is not all ones."""
        size = int(np.prod(y.shape))
        self.parameters.append(g.parameter(CLASSES, size, name="head"))
        return g.softmax_cross_entropy(g.dense(y, self.parameters[-1]), self.labels)

    def drawn(self, rng: np.random.Generator) -> list[Array]:
        """Labels, weights, then a value for each input and parameter; exact in float32."""
        count, kink = self.row.count, self.row.kink
        labels = rng.dirichlet(np.ones(self.labels.shape[-1]), (count, *self.labels.shape[:-1]))
        out = [labels.astype(np.float32), rng.uniform(0.5, 1.5, count).astype(np.float32)]
        out += [sample(rng, (count, *v.shape), kink) for v in self.inputs]
        out += [sample(rng, v.shape, False) for v in self.parameters]
        if self.parameters and self.parameters[-1].label == "head":
            # Logits of a size at which a softmax is not saturated.
            out[-1] = (out[-1] * np.float32(1 / np.sqrt(out[-1].shape[1]))).astype(np.float32)
        return [out[0], out[1], *(array.astype(np.float64) for array in out[2:])]

    def __call__(self, labels: Array, weights: Array, *arrays: Array) -> list[Array]:
        """What `names` says, for these data."""
        inputs, parameters = arrays[: len(self.inputs)], arrays[len(self.inputs) :]
        ready = [np.array(a, self.dtype, order="C") for a in parameters]
        self._exe.session.write({v.label: a for v, a in zip(self.parameters, ready, strict=True)})
        bound: list[tuple[_core.ValueId, Array]] = [
            (v.id, np.array(a, self.dtype, order="C"))
            for v, a in zip(self.inputs, inputs, strict=True)
        ]
        truth, weight = self.labels.graph.core.outputs(self.labels.id)
        bound += [(truth, labels), (weight, weights)]
        return self._exe.run(self.row.count, bound, self._outputs)


def sample(rng: np.random.Generator, shape: tuple[int, ...], kink: bool) -> Array:
    """Normal numbers; with a kink all distinct and at least 0.01 from 0."""
    values = rng.standard_normal(shape)
    if kink:
        steps = 1 + np.arange(values.size)
        values = (rng.permutation(steps) * 0.01 * rng.choice([-1, 1], steps.size)).reshape(shape)
    return values.astype(np.float32)


def worst(
    names: Sequence[str], ours: Sequence[Array], exact: Sequence[Array], limit: float = LIMIT
) -> Outcome:
    """The largest deviation, relative to the largest element of its array, and where it is."""
    found: Outcome = {"status": "agrees", "deviation": 0.0, "where": ""}
    for name, a, b in zip(names, ours, exact, strict=True):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return not_finite(name)
        # Of what is almost 0, a part is all rounding.
        scale = max(float(np.abs(b).max()), 1e-4)
        deviation = float(np.abs(np.asarray(a, np.float64) - b).max()) / scale
        if deviation > found["deviation"]:
            found.update(deviation=deviation, where=name)
    if found["deviation"] > limit:
        found["status"] = "differs"
    return found


def not_finite(where: str) -> Outcome:
    return {"status": "differs", "deviation": None, "where": where, "reason": "not finite"}


def refused_or_failed(run: Callable[[], Outcome]) -> Outcome:
    """The outcome of `run`, or why there is none: nothing ends the report early."""
    try:
        return run()
    except _core.UnsupportedError as error:
        return {"status": "refused", "reason": reason_of(error)}
    except Exception as error:  # noqa: BLE001 - a report with all but one row is worth having
        text = " ".join(str(error).split())
        return {"status": "failed", "reason": f"{type(error).__name__}: {text}"}


def reason_of(error: Exception) -> str:
    """The reasons alone, of a message that lists nodes, each with its reason below."""
    lines = str(error).splitlines()
    reasons = [line.strip() for line in lines if line.startswith("    ")] or lines
    return "; ".join(dict.fromkeys(reasons))


def parity(row: Row, backend: str) -> Outcome:
    """The row on `backend` beside the reference."""

    def run() -> Outcome:
        ours = Pass(row, backend)
        data = ours.drawn(np.random.default_rng(0))
        return worst(ours.names, ours(*data), Pass(row, "reference")(*data))

    return refused_or_failed(run)


def differences(row: Row) -> Outcome:
    """The reference's gradients beside difference quotients along two directions each.

    In float64 a quotient carries an error of the order 1e-8 from its third derivative and of
    1e-12 from rounding. Directions may be almost orthogonal to the gradient, whose length
    therefore counts too.
    """

    def run() -> Outcome:
        rng = np.random.default_rng(0)
        reference = Pass(row, "reference")
        labels, weights, *at = reference.drawn(rng)
        gradients = reference(labels, weights, *at)[2:]
        found: Outcome = {"status": "agrees", "deviation": 0.0, "where": ""}
        for i, gradient in enumerate(gradients):
            for _ in range(2):
                t = rng.standard_normal(at[i].shape)
                t /= np.linalg.norm(t)

                def mean_loss(by: float, i: int = i, t: Array = t) -> float:
                    moved = [*at[:i], at[i] + by * t, *at[i + 1 :]]
                    return float(reference(labels, weights, *moved)[0].mean())

                numeric = (mean_loss(STEP) - mean_loss(-STEP)) / (2 * STEP)
                size = max(abs(numeric), 0.01 * float(np.linalg.norm(gradient)), 1e-6)
                deviation = abs(float(np.vdot(gradient, t)) - numeric) / size
                if not np.isfinite(deviation):
                    return not_finite(reference.names[2 + i])
                if deviation > found["deviation"]:
                    found.update(deviation=deviation, where=reference.names[2 + i])
        if found["deviation"] > GRADIENT_LIMIT:
            found["status"] = "differs"
        return found

    return refused_or_failed(run)


def network(g: Graph) -> tuple[Value, Value]:
    """Loss and logits of a small convolutional network on 8x8 images of 3 classes.

    The convolution has no bias: `batch_norm` takes it away again, its gradient is a rounding
    error, and Adam and RMSProp make steps of full length of that.
    """
    x, truth = g.input(8, 8, 3), g.labels(3)
    y = layers.BatchNorm()(layers.Conv2d(8, kernel=3, bias=False)(x))
    logits = layers.Dense(3)(g.relu(layers.Dense(16)(g.max_pool2d(g.relu(y), 2))))
    return g.softmax_cross_entropy(logits, truth), logits


def trained(backend: str, optimizer: Rule) -> list[Array]:
    """The losses of the steps of a training, and then the logits of a batch."""
    g = Graph(seed=0)
    loss, logits = network(g)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((STEPS, 8, 8, 8, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (STEPS, 8))
    with Trainer(loss, logits, optimizer=optimizer, batch=8, backend=backend) as trainer:
        steps = [trainer.train_step(x, t) for x, t in zip(images, labels, strict=True)]
        losses = [np.asarray(step.loss) for step in steps]
        return [*losses, trainer.infer(images[0])]


def training(optimizer: Rule, backend: str) -> Outcome:
    """Whole training steps on `backend` beside the reference."""
    names = [*(f"loss of step {i + 1}" for i in range(STEPS)), "logits after training"]

    def run() -> Outcome:
        exact = trained("reference", optimizer)
        return worst(names, trained(backend, optimizer), exact, TRAINING_LIMIT)

    return refused_or_failed(run)
