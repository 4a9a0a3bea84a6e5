"""Layout, sampling and reductions against PyTorch, in float64 on its side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, _core

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
F = torch.nn.functional

BATCH = 3


def ours(build: Callable[..., Any], backend: str, arrays: list[np.ndarray], dy: np.ndarray):
    """Y and the gradient of the mean over the batch of sum(y * dy) by each array."""
    g = Graph()
    xs = [g.input(*a.shape[1:]) for a in arrays]
    y = build(g, *xs)
    weight = g.parameter(1, dy.size, name="dy")
    loss = g.reshape(g.dense(y, weight))
    outputs = [y.id, *_core.add_gradients(g.core, loss.id, [x.id for x in xs])]
    exe = _core.compile(g.core, batch=BATCH, outputs=outputs, backend=backend)
    exe.session.write({"dy": dy.reshape(1, -1)})
    return exe.run(BATCH, [(x.id, a) for x, a in zip(xs, arrays, strict=True)], outputs)


def theirs(build: Callable[..., Any], arrays: list[np.ndarray], dy: np.ndarray):
    xs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    y = build(*xs)
    (y * torch.tensor(dy, dtype=torch.float64)).sum().div(BATCH).backward()
    return [y.detach().numpy(), *(x.grad.numpy() for x in xs)]


def check(
    build: Callable[..., Any],
    torch_build: Callable[..., Any],
    shapes: list[tuple[int, ...]],
    backend: str,
    spread: float = 1.0,
) -> None:
    """`spread` scales the last of the inputs."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((BATCH, *s)).astype(np.float32) for s in shapes]
    arrays[-1] *= np.float32(spread)
    g = Graph()
    shape = build(g, *(g.input(*s) for s in shapes)).shape
    dy = rng.standard_normal(shape).astype(np.float32)
    results = zip(ours(build, backend, arrays, dy), theirs(torch_build, arrays, dy), strict=True)
    for i, (a, b) in enumerate(results):
        assert a.shape == b.shape
        # float32 rounds to 6e-8, and the longest sums here have some hundred terms.
        atol = (1e-4 if i else 1e-5) * np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=f"result {i}")


def nchw(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of images (N, C, H, W), applied to images (N, H, W, C)."""
    return lambda x, *rest: f(x.permute(0, 3, 1, 2), *rest).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("mode", "torch_mode"),
    [("constant", "constant"), ("clamp", "replicate"), ("mirror", "reflect")],
)
def test_padding_is_that_of_torch(mode: Any, torch_mode: str, backend: str) -> None:
    value = 0.5 if mode == "constant" else 0.0
    check(
        lambda g, x: g.pad(x, (1, 3, 0), (2, 0, 0), mode, value),
        nchw(lambda x: F.pad(x, (3, 0, 1, 2), torch_mode, value)),
        [(4, 5, 3)],
        backend,
    )


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2)])
def test_a_transpose_is_a_permute_of_torch(order: tuple[int, ...], backend: str) -> None:
    check(
        lambda g, x: g.transpose(x, *order),
        lambda x: x.permute(0, *(a + 1 for a in order)),
        [(3, 16, 18)],
        backend,
    )


@pytest.mark.parametrize(
    "index",
    [
        (slice(1, 3), slice(None, None, 2)),
        (..., slice(2, None, 3)),
        (slice(-2, None), slice(1, -1), slice(0, 1)),
        (2, ..., 1),
        (slice(None), 0),
        (slice(0, 99),),
    ],
    ids=str,
)
def test_an_index_is_that_of_torch(index: Any, backend: str) -> None:
    check(lambda g, x: x[index], lambda x: x[(slice(None), *index)], [(4, 5, 6)], backend)


RESIZES = [
    ("nearest", {}, {"mode": "nearest"}),
    ("nearest", {"half_pixel": True}, {"mode": "nearest-exact"}),
    ("bilinear", {"half_pixel": True}, {"mode": "bilinear", "align_corners": False}),
    ("bilinear", {"align_corners": True}, {"mode": "bilinear", "align_corners": True}),
]


@pytest.mark.parametrize(("kind", "options", "torch_options"), RESIZES, ids=str)
@pytest.mark.parametrize("size", [(8, 10), (7, 3), (2, 13), (1, 1)])
@pytest.mark.parametrize("shape", [(4, 5, 3), (3, 1, 17)])
def test_resizing_is_interpolation_of_torch(
    kind: str, options: Any, torch_options: Any, size: tuple[int, int], shape: Any, backend: str
) -> None:
    resize = {"nearest": Graph.resize_nearest, "bilinear": Graph.resize_bilinear}[kind]
    check(
        lambda g, x: resize(g, x, *size, **options),
        nchw(lambda x: F.interpolate(x, size, **torch_options)),
        [shape],
        backend,
    )


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("padding", "torch_padding"), [("zero", "zeros"), ("clamp", "border")])
@pytest.mark.parametrize("spread", [0.4, 1.5])
def test_grid_sample_is_that_of_torch(
    padding: Any, torch_padding: str, align_corners: bool, spread: float, backend: str
) -> None:
    def sampled(x: Any, grid: Any) -> Any:
        options = {"padding_mode": torch_padding, "align_corners": align_corners}
        return nchw(lambda x, grid: F.grid_sample(x, grid, **options))(x, grid)

    check(
        lambda g, x, grid: g.grid_sample(x, grid, padding, align_corners=align_corners),
        sampled,
        [(5, 6, 3), (4, 7, 2)],
        backend,
        spread,
    )


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (0, 2), (1, 2), None], ids=str)
@pytest.mark.parametrize("kind", ["sum", "mean", "min", "max"])
def test_a_reduction_is_that_of_torch(kind: str, axis: Any, backend: str) -> None:
    reduce = getattr(Graph, f"reduce_{kind}")
    axes = (0, 1, 2) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    dims = tuple(a + 1 for a in axes)
    call = {"sum": torch.sum, "mean": torch.mean, "min": torch.amin, "max": torch.amax}[kind]
    for keep in (False, True):
        check(
            lambda g, x, keep=keep: reduce(g, x, axis, keep_axes=keep),
            lambda x, keep=keep: call(x, dim=dims, keepdim=keep),
            [(4, 7, 70)],
            backend,
        )
