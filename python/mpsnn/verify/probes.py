"""Questions whose answers on Apple's hardware are not known: they are recorded, not judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsnn import _core
from mpsnn.graph import Graph
from mpsnn.values import Value
from mpsnn.verify.checks import reason_of

Array = NDArray[Any]
Build = Callable[[Graph, Value, Value], Value]


@dataclass(frozen=True)
class Probe:
    """`run(backend)` answers `question`; `note` says what the answers mean."""

    question: str
    note: str
    run: Callable[[str], str]


def answer(probe: Probe, backend: str) -> str:
    """What `backend` answers, or why it does not."""
    try:
        return probe.run(backend)
    except _core.UnsupportedError as error:
        return f"refused: {reason_of(error)}"
    except Exception as error:  # noqa: BLE001 - an answer, too
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def compiled(backend: str, g: Graph, outputs: list[_core.ValueId]) -> _core.Executable:
    return _core.compile(g.core, batch=1, outputs=outputs, backend=backend, seed=7)


def kind_of(backend: str) -> type[np.floating[Any]]:
    return np.float64 if backend == "reference" else np.float32


def result(backend: str, build: Callable[[Graph, Value], Value], x: Array) -> Array:
    """Y of one image."""
    g = Graph()
    image = g.input(*x.shape)
    y = build(g, image)
    data = np.ascontiguousarray(x[None], kind_of(backend))
    (batch,) = compiled(backend, g, [y.id]).run(1, [(image.id, data)], [y.id])
    found: Array = batch[0]
    return found


def loss_and_gradient(backend: str, build: Build, x: Any, t: Any) -> tuple[float, Array]:
    """`build(graph, x, labels)` for one image, and its gradient by x."""
    g = Graph()
    image, labels = g.input(*np.shape(x)), g.labels(*np.shape(t))
    loss = build(g, image, labels)
    wanted = [loss.id, *_core.add_gradients(g.core, loss.id, [image.id])]
    truth, weights = g.core.outputs(labels.id)
    bound: list[tuple[_core.ValueId, Array]] = [
        (image.id, np.array([x], kind_of(backend))),
        (truth, np.array([t], np.float32)),
        (weights, np.ones(1, np.float32)),
    ]
    value, gradient = compiled(backend, g, wanted).run(1, bound, wanted)
    return float(value.sum()), gradient[0]


def shown(values: Any) -> str:
    """Numbers with 5 digits."""
    return ", ".join(f"{float(v):.5g}" for v in np.ravel(values))


def nearest(values: Any, candidates: dict[str, Any]) -> str:
    """Which of some formulas gives `values`; and the values."""
    found = np.ravel(np.asarray(values, np.float64))
    for name, candidate in candidates.items():
        if np.allclose(found, np.ravel(candidate), rtol=1e-3, atol=1e-4):
            return f"{name} ({shown(values)})"
    return f"none of these: {', '.join(candidates)} ({shown(values)})"


def squares(op: Callable[[Graph, Value], Value]) -> Build:
    """Sum of (y - t)^2: its gradient by y is 2 (y - t)."""

    def build(g: Graph, x: Value, t: Value) -> Value:
        return g.mean_squared_error(op(g, x), t, reduction="sum")

    return build


def slope(backend: str, op: Callable[[Graph, Value], Value], x: float) -> float:
    """The derivative of a neuron at x."""
    at = np.full(4, x)
    y = result(backend, op, at)
    _, gradient = loss_and_gradient(backend, squares(op), at, y - 1.0)
    return float(gradient[0]) / 2


def relu_at_zero(backend: str) -> str:
    return shown(slope(backend, lambda g, x: g.relu(x), 0.0))


def gelu(backend: str) -> str:
    cdf, term = 0.8413447, 0.2419707  # of x = 1: the normal distribution, and x times its density
    return nearest(
        slope(backend, lambda g, x: g.gelu(x), 1.0),
        {"the derivative": cdf + term, "its second term twice": cdf + 2 * term},
    )


def relu_n(backend: str) -> str:
    found = slope(backend, lambda g, x: g.relu_n(x, 2.0), 3.0)
    return nearest(found, {"0": 0.0, "the bound": 2.0})


def cross_entropy(backend: str) -> str:
    x, t = np.array([0.1, -0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0, 0])
    p = np.exp(x) / np.exp(x).sum()
    _, gradient = loss_and_gradient(backend, lambda g, x, t: g.softmax_cross_entropy(x, t), x, t)
    return nearest(gradient, {"softmax * sum(t) - t": p * t.sum() - t, "softmax - t": p - t})


def ties(backend: str) -> str:
    op = squares(lambda g, x: g.max_pool2d(x, 2))
    _, gradient = loss_and_gradient(backend, op, np.ones((2, 2, 1)), np.zeros((1, 1, 1)))
    return shown(gradient / 2)


def of_losses(kind: str, x: float, t: float) -> Callable[[str], tuple[float, float]]:
    """Value and derivative of a loss at one point, of four equal elements."""

    def at(backend: str) -> tuple[float, float]:
        value, gradient = loss_and_gradient(
            backend,
            lambda g, x, t: getattr(g, kind)(x, t, reduction="sum"),
            np.full(4, x), np.full(4, t),
        )  # fmt: skip
        return value / 4, float(gradient[0])

    return at


def hinge(backend: str) -> str:
    value, _ = of_losses("hinge_loss", -0.2, 0.9)(backend)
    return nearest(value, {"max(1 - (2t - 1) x, 0)": 1.16, "max(1 - t x, 0)": 1.18})


def huber(backend: str) -> str:
    value, _ = of_losses("huber_loss", 1.0, 0.5)(backend)
    return nearest(value, {"(x - t)^2 / 2": 0.125, "x^2 / 2": 0.5})


def huber_slope(backend: str) -> str:
    _, found = of_losses("huber_loss", -1.5, 0.5)(backend)
    return nearest(found, {"-delta": -1.0, "+delta": 1.0})


def kl_slope(backend: str) -> str:
    _, found = of_losses("kl_divergence", -0.5, 0.6)(backend)
    return nearest(found, {"-t": -0.6, "-t / x": 1.2})


def half_accumulator(backend: str) -> str:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 6, 16)).astype(np.float16)
    weight = rng.standard_normal((8, 3, 3, 16)).astype(np.float16)
    found = []
    for accumulator in ("single", "half"):
        g = Graph()
        image, w = g.input(*x.shape), g.parameter(*weight.shape, name="w")
        y = g.conv2d(image, w, accumulator="half" if accumulator == "half" else "single")
        exe = compiled(backend, g, [y.id])
        exe.session.write({"w": weight.astype(kind_of(backend))})
        data = np.ascontiguousarray(x[None], kind_of(backend))
        found.append(exe.run(1, [(image.id, data)], [y.id])[0])
    single, half = found
    return f"largest change {np.abs(half - single).max() / np.abs(single).max():.2g}"


def reshaped(backend: str) -> str:
    y = result(backend, lambda g, x: g.reshape(x, 2, 3, 4), np.arange(24.0).reshape(4, 6, 1))
    if (y.ravel() == np.arange(24)).all():
        return "row-major, rows, columns, channels"
    return shown(y)


def dropout(backend: str) -> str:
    masks = [
        result(name, lambda g, x: g.dropout(x, 0.4), np.ones((8, 8, 5))) != 0
        for name in (backend, "reference")
    ]
    kept = f"keeps {masks[0].mean():.0%}"
    differ = float((masks[0] != masks[1]).mean())
    return f"the same mask, {kept}" if not differ else f"{differ:.0%} differ, {kept}"


def extremes(backend: str) -> str:
    ops: list[Callable[[Graph, Value], Value]] = [
        lambda g, x: g.tanh(x),
        lambda g, x: g.sigmoid(x),
        lambda g, x: g.softplus(x),
        lambda g, x: g.gelu(x),
    ]
    return shown([result(backend, op, np.full(4, 200.0))[0] for op in ops])


def not_a_number(backend: str) -> str:
    return shown(result(backend, lambda g, x: g.relu(x), np.full(4, np.nan))[0])


def tiny(backend: str) -> str:
    return shown(result(backend, lambda g, x: g.linear(x, 1.0, 0.0), np.full(4, 1e-40))[0])


def repeated(backend: str) -> str:
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((16, 16, 8)), rng.standard_normal((8, 8, 8))
    op = squares(lambda g, x: g.avg_pool2d(g.tanh(x), 2))
    first, second = (loss_and_gradient(backend, op, x, t) for _ in range(2))
    same = first[0] == second[0] and np.array_equal(first[1], second[1])
    return "the same bits" if same else "other bits"


PROBES = [
    Probe("Gradient of relu at 0", "0 as PyTorch, 1 as MPS prints it", relu_at_zero),
    Probe("Gradient of gelu at 1", "MPS prints its second term twice", gelu),
    Probe("Gradient of relu_n(2) at 3", "MPS prints the bound", relu_n),
    Probe("Gradient of softmax_cross_entropy, labels that add up to 0.75", "", cross_entropy),
    Probe("Gradient of max_pool2d where all 4 are equal", "which pixel gets it", ties),
    Probe("hinge_loss of x = -0.2, t = 0.9", "", hinge),
    Probe("huber_loss of x = 1, t = 0.5", "", huber),
    Probe("Gradient of huber_loss of x - t = -2", "MPS prints +delta", huber_slope),
    Probe("Gradient of kl_divergence of x = -0.5, t = 0.6", "MPS prints -t / x", kl_slope),
    Probe('accumulator="half"', "0: it changes nothing", half_accumulator),
    Probe("Elements of a reshape of (4, 6, 1) to (2, 3, 4)", "", reshaped),
    Probe("Mask of dropout beside the reference's", "", dropout),
    Probe("tanh, sigmoid, softplus and gelu of 200", "1, 1, 200, 200", extremes),
    Probe("relu of NaN", "nan, or 0", not_a_number),
    Probe("1e-40 times 1", "0: numbers as small as this become 0", tiny),
    Probe("One gradient twice", "", repeated),
]
