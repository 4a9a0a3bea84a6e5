"""Pooling and normalization against PyTorch, in float64 there and float32 on the cpu backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, layers

torch = pytest.importorskip("torch")
from torch.nn import functional as F
from torch_parity import compare


def nchw(f: Any) -> Any:
    """A function of images (N, C, H, W) for ours, (N, H, W, C)."""
    return lambda x, *rest: f(x.permute(0, 3, 1, 2), *rest).permute(0, 2, 3, 1)


@pytest.mark.parametrize("channels", [1, 3, 16])
@pytest.mark.parametrize("padding", [0, 1])
def test_pools(channels: int, padding: int, rng) -> None:
    x = rng.standard_normal((3, 9, 8, channels))
    for kernel, stride in ((3, 2), (2, 2), (3, 1)):
        options = {"stride": stride, "padding": padding if kernel == 3 else 0}
        compare(
            lambda g, x, k=kernel, o=options: g.max_pool2d(x, k, **o),
            nchw(lambda x, k=kernel, o=options: F.max_pool2d(x, k, **o)),
            [x],
        )
        for edge in ("clamp", "zero"):
            compare(
                lambda g, x, k=kernel, o=options, e=edge: g.avg_pool2d(x, k, edge=e, **o),
                nchw(
                    lambda x, k=kernel, o=options, e=edge: F.avg_pool2d(
                        x, k, count_include_pad=e == "zero", **o
                    )
                ),
                [x],
            )
    compare(
        lambda g, x: g.max_pool2d(x, 2, stride=1, dilation=(2, 3), padding=padding),
        nchw(lambda x: F.max_pool2d(x, 2, stride=1, dilation=(2, 3), padding=padding)),
        [x],
    )
    compare(lambda g, x: g.l2_pool2d(x, 3, stride=2), nchw(lambda x: F.lp_pool2d(x, 2, 3, 2)), [x])
    compare(Graph.global_avg_pool2d, lambda x: x.mean((1, 2)), [x])
    compare(Graph.global_max_pool2d, lambda x: x.amax((1, 2)), [x])


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(groups: int, rng) -> None:
    compare(
        lambda g, x, gamma, beta: g.group_norm(x, gamma, beta, groups=groups),
        nchw(lambda x, gamma, beta: F.group_norm(x, groups, gamma, beta)),
        [3 + 2 * rng.standard_normal((4, 5, 7, 6))],
        [rng.uniform(0.5, 2, 6), rng.standard_normal(6)],
    )
    if groups == 6:
        compare(Graph.instance_norm, nchw(F.instance_norm), [rng.standard_normal((4, 5, 7, 6))])


@pytest.mark.parametrize("axes", [1, 2])
def test_layer_norm(axes: int, rng) -> None:
    shape = (6, 7)[-axes:]
    compare(
        lambda g, x, gamma, beta: g.layer_norm(x, gamma, beta, axes=axes),
        lambda x, gamma, beta: F.layer_norm(x, shape, gamma, beta),
        [3 + 2 * rng.standard_normal((4, 5, 6, 7))],
        [rng.uniform(0.5, 2, shape), rng.standard_normal(shape)],
    )


@pytest.mark.parametrize("size", [1, 3, 5])
def test_cross_channel_norm(size: int, rng) -> None:
    # PyTorch divides alpha by the size as well; its windows differ where the size is even.
    compare(
        lambda g, x: g.cross_channel_norm(x, size, alpha=0.3, beta=0.75, delta=2.0),
        nchw(lambda x: F.local_response_norm(x, size, alpha=0.3, beta=0.75, k=2.0)),
        [rng.standard_normal((4, 3, 2, 8))],
    )


@pytest.mark.parametrize("frozen", [False, True])
def test_batch_norm(frozen: bool, rng) -> None:
    def ours(g: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> Any:
        return g.batch_norm(x, gamma, beta, mean, variance, frozen=frozen)

    def theirs(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> Any:
        y = F.batch_norm(
            x.permute(0, 3, 1, 2),
            mean.detach().clone(),
            variance.detach().clone(),
            gamma,
            beta,
            training=not frozen,
        )
        return y.permute(0, 2, 3, 1) + 0 * (mean + variance).sum()

    x = 2 + rng.standard_normal((4, 5, 6, 3))
    own = [rng.uniform(0.5, 2, 3), rng.standard_normal(3)]
    compare(
        lambda g, x, gamma, beta: ours(
            g,
            x,
            gamma,
            beta,
            g.parameter(3, name="m", trainable=False),
            g.parameter(3, name="v", trainable=False),
        ),
        lambda x, gamma, beta: theirs(
            x, gamma, beta, torch.zeros(3).double(), torch.zeros(3).double()
        ),
        [x],
        own,
    )


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_running_statistics_follow_as_in_pytorch(backend: str, rng) -> None:
    images = 2 + 3 * rng.standard_normal((3, 4, 2, 3, 5)).astype(np.float32)
    g = Graph()
    x = g.input(2, 3, 5)
    y = layers.BatchNorm(momentum_keep=0.8, unbiased_running_var=True, name="b")(x)
    loss = g.mean_squared_error(y, x)
    theirs = torch.nn.BatchNorm2d(5, momentum=0.2)
    with mpsnn.Trainer(loss, y, batch=4, backend=backend, optimizer=mpsnn.SGD(1e-30)) as trainer:
        for batch in (images[0], images[1], images[2][:3]):  # the last is padded
            trainer.train_step(batch).wait()
            theirs(torch.tensor(batch).permute(0, 3, 1, 2))
        state = trainer.state_dict()
        for ours, name in (("b.running_mean", "running_mean"), ("b.running_var", "running_var")):
            np.testing.assert_allclose(state[ours], getattr(theirs, name).numpy(), rtol=1e-5)
        theirs.eval()
        expected = theirs(torch.tensor(images[0]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        np.testing.assert_allclose(
            trainer.infer(images[0]), expected.detach().numpy(), rtol=1e-4, atol=1e-5
        )
