"""Neurons and arithmetic against PyTorch, in float64 there and float32 on the cpu backend here."""

from __future__ import annotations

from typing import Any

import pytest

from mpsnn import Graph

torch = pytest.importorskip("torch")
from torch.nn import functional as F
from torch_parity import compare

NEURONS: list[tuple[str, tuple[float, ...], Any]] = [
    ("relu", (), F.relu),
    ("relu", (0.3,), lambda x: F.leaky_relu(x, 0.3)),
    ("leaky_relu", (), F.leaky_relu),
    ("relu6", (), F.relu6),
    ("sigmoid", (), torch.sigmoid),
    ("hard_sigmoid", (1 / 6, 0.5), F.hardsigmoid),
    ("tanh", (), torch.tanh),
    ("tanh", (1.7, 0.6), lambda x: 1.7 * torch.tanh(0.6 * x)),
    ("abs", (), torch.abs),
    ("softplus", (), F.softplus),
    ("softplus", (0.5, 2.0), lambda x: F.softplus(x, beta=2.0)),
    ("softsign", (), F.softsign),
    ("elu", (), F.elu),
    ("elu", (0.5,), lambda x: F.elu(x, 0.5)),
    ("exp", (), torch.exp),
    ("gelu", (), F.gelu),
    ("silu", (), F.silu),
    ("square", (), torch.square),
    ("clamp", (-0.5, 1.5), lambda x: torch.clamp(x, -0.5, 1.5)),
    ("softmax", (), lambda x: torch.softmax(x, -1)),
    ("log_softmax", (), lambda x: torch.log_softmax(x, -1)),
]


@pytest.mark.parametrize(("name", "numbers", "theirs"), NEURONS, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("shape", [(7, 5, 3), (33,)], ids=str)
def test_neuron(name: str, numbers: tuple[float, ...], theirs: Any, shape: Any, rng) -> None:
    x = 3 * rng.standard_normal((4, *shape))
    compare(lambda g, x: getattr(g, name)(x, *numbers), theirs, [x])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("sqrt", torch.sqrt), ("log", torch.log), ("power", lambda x: x**-1.5)],
    ids=["sqrt", "log", "power"],
)
def test_neuron_of_positive_numbers(name: str, theirs: Any, rng) -> None:
    numbers = (-1.5,) if name == "power" else ()
    compare(lambda g, x: getattr(g, name)(x, *numbers), theirs, [rng.uniform(0.2, 4, (3, 5, 6))])


def test_prelu(rng) -> None:
    compare(
        Graph.prelu,
        lambda x, a: F.prelu(x.permute(0, 3, 1, 2), a).permute(0, 2, 3, 1),
        [rng.standard_normal((4, 5, 3, 6))],
        [rng.uniform(-0.2, 0.5, 6)],
    )


SIDES = [((3, 4, 5), (3, 4, 5)), ((3, 4, 5), (4, 1)), ((2, 1), (1, 6)), ((5,), (3, 5))]


@pytest.mark.parametrize("sides", SIDES, ids=str)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "minimum", "maximum"])
def test_arithmetic(name: str, sides: tuple[Any, Any], rng) -> None:
    theirs = getattr(torch, name)
    a, b = rng.standard_normal((4, *sides[0])), rng.uniform(0.5, 2, sides[1])
    rank = max(map(len, sides))

    def with_parameter(a: Any, b: Any) -> Any:
        return theirs(a.reshape(len(a), *(1,) * (rank + 1 - a.ndim), *a.shape[1:]), b)

    compare(getattr(Graph, name), with_parameter, [a], [b])
    b = rng.uniform(0.5, 2, (4, *sides[1]))

    def aligned(a: Any, b: Any) -> Any:
        pad = [(len(t), *(1,) * (rank + 1 - t.ndim), *t.shape[1:]) for t in (a, b)]
        return theirs(a.reshape(pad[0]), b.reshape(pad[1]))

    compare(getattr(Graph, name), aligned, [a, b])


def test_matmul_and_gram_matrix(rng) -> None:
    a, w = rng.standard_normal((4, 6, 5)), rng.standard_normal((5, 7))
    compare(Graph.matmul, torch.matmul, [a], [w])
    compare(Graph.matmul, torch.matmul, [a, rng.standard_normal((4, 5, 3))])
    compare(
        lambda g, a, b: g.matmul(a, b, transpose_a=True, transpose_b=True),
        lambda a, b: a.mT @ b.mT,
        [a, rng.standard_normal((4, 3, 6))],
    )
    compare(
        lambda g, x: g.gram_matrix(x, 0.25),
        lambda x: 0.25 * torch.einsum("nhwc,nhwd->ncd", x, x),
        [rng.standard_normal((3, 4, 5, 6))],
    )


def test_operators_of_values(rng) -> None:
    def both(g: Any, a: Any, b: Any) -> Any:
        return ((2 - a) * b + 0.5) / (b * b + 1) - a**2 * 3 + (4 / (b**2 + 2) - 1) + -a + abs(b)

    compare(both, lambda a, b: both(None, a, b), [rng.standard_normal((3, 4, 5))] * 2)
    matrices = [rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 5, 2))]
    compare(lambda g, a, b: a @ b, lambda a, b: a @ b, matrices)
