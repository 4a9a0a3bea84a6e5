"""Runs a graph of ours and the same one in PyTorch, and compares results and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mpsnn import Graph, _core

torch.set_num_threads(1)


def close(ours: NDArray[Any], theirs: torch.Tensor, tolerance: float, what: str) -> None:
    """Within `tolerance` of the largest element of theirs, which is float64."""
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape, what
    largest = max(float(abs(expected).max()), 1e-30)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance * largest, err_msg=what)


def compare(
    ours: Callable[..., Any],
    theirs: Callable[..., torch.Tensor],
    images: Sequence[NDArray[Any]],
    parameters: Sequence[NDArray[Any]] = (),
    *,
    is_loss: bool = False,
) -> None:
    """`ours(graph, *values)` on the cpu backend against `theirs(*tensors)` in float64.

    `images` have a batch axis, `parameters` none. Unless the result is a loss per image, one
    is made of it: the sum of squared differences to a random target.
    """
    images = [np.ascontiguousarray(a, np.float32) for a in images]
    parameters = [np.ascontiguousarray(a, np.float32) for a in parameters]
    g = Graph()
    inputs = [g.input(*a.shape[1:]) for a in images]
    stored = [g.parameter(*a.shape, name=f"p{i}") for i, a in enumerate(parameters)]
    y = ours(g, *inputs, *stored)
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in images]
    tensors += [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in parameters]
    expected = theirs(*tensors)
    target = np.random.default_rng(5).standard_normal(expected.shape).astype(np.float32)
    goal = g.input(*y.shape)
    loss = y if is_loss else g.mean_squared_error(y, goal, reduction="sum")
    total = expected.sum() if is_loss else ((expected - torch.tensor(target)) ** 2).sum()
    (total / len(images[0])).backward()
    ids = _core.add_gradients(g.core, loss.id, [v.id for v in (*inputs, *stored)])
    wanted = [y.id, *ids]
    exe = _core.compile(g.core, batch=len(images[0]), outputs=wanted, backend="cpu")
    exe.session.write({v.label: a for v, a in zip(stored, parameters, strict=True)})
    bound = [(v.id, a) for v, a in zip(inputs, images, strict=True)]
    bound += [] if is_loss else [(goal.id, target)]
    result, *gradients = exe.run(len(images[0]), bound, wanted)
    close(result, expected, 1e-5, "forward")
    for i, (gradient, tensor) in enumerate(zip(gradients, tensors, strict=True)):
        assert tensor.grad is not None
        close(gradient, tensor.grad, 1e-4, f"gradient {i}")
