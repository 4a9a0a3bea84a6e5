"""Ten steps of every optimizer against PyTorch's, in float64 there and float32 here."""

from __future__ import annotations

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph

torch = pytest.importorskip("torch")

# Where a gradient is divided by its own size, epsilon must be small against it: PyTorch
# corrects epsilon for the first steps, and MPS does not.
TINY = 1e-12
T = torch.optim
PAIRS = [
    (mpsnn.SGD(0.1), lambda p: T.SGD(p, 0.1)),
    (mpsnn.SGD(0.1, momentum=0.9), lambda p: T.SGD(p, 0.1, momentum=0.9)),
    (
        mpsnn.SGD(0.1, momentum=0.8, nesterov=True),
        lambda p: T.SGD(p, 0.1, momentum=0.8, nesterov=True),
    ),
    (mpsnn.SGD(0.1, l2=0.2), lambda p: T.SGD(p, 0.1, weight_decay=0.2)),
    (
        mpsnn.RMSProp(0.01, decay=0.95, epsilon=1e-4),
        lambda p: T.RMSprop(p, 0.01, alpha=0.95, eps=1e-4),
    ),
    (mpsnn.Adam(0.02, epsilon=TINY), lambda p: T.Adam(p, 0.02, eps=TINY)),
    (
        mpsnn.Adam(0.02, beta2=0.9, epsilon=TINY, amsgrad=True),
        lambda p: T.Adam(p, 0.02, betas=(0.9, 0.9), eps=TINY, amsgrad=True),
    ),
    (
        mpsnn.AdamW(0.02, epsilon=TINY, weight_decay=0.3),
        lambda p: T.AdamW(p, 0.02, eps=TINY, weight_decay=0.3),
    ),
]
CLIPPED = [
    (mpsnn.SGD(0.5, clip_norm=0.3), lambda p: torch.nn.utils.clip_grad_norm_(p, 0.3)),
    (mpsnn.SGD(0.5, clip_value=0.05), lambda p: torch.nn.utils.clip_grad_value_(p, 0.05)),
]


def run(ours, make, backend: str, clip=None) -> tuple[dict, dict]:
    rng = np.random.default_rng(0)
    start = {
        "weight": rng.standard_normal((5, 4)).astype(np.float32),
        "bias": rng.standard_normal(5).astype(np.float32),
    }
    g = Graph()
    source = mpsnn.ArraySource(**start)
    p = g.parameters(source, {k: v.shape for k, v in start.items()}, name="layer")
    loss = g.softmax_cross_entropy(g.dense(g.input(4), p["weight"], p["bias"]), g.labels(5))
    trainer = mpsnn.Trainer(loss, optimizer=ours, batch=8, backend=backend)
    theirs = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in start.items()}
    optimizer = make(list(theirs.values()))
    for _ in range(10):
        x, labels = rng.standard_normal((8, 4)).astype(np.float32), rng.integers(5, size=8)
        trainer.train_step(x, labels)
        optimizer.zero_grad()
        y = torch.tensor(x, dtype=torch.float64) @ theirs["weight"].T + theirs["bias"]
        torch.nn.functional.cross_entropy(y, torch.tensor(labels)).backward()
        if clip:
            clip(list(theirs.values()))
        optimizer.step()
    state = {name.removeprefix("layer."): value for name, value in trainer.state_dict().items()}
    return state, {k: v.detach().numpy() for k, v in theirs.items()}


def check(state: dict, expected: dict) -> None:
    for name, value in expected.items():
        error = np.abs(state[name] - value).max() / np.abs(value).max()
        assert error < 1e-4, name


@pytest.mark.parametrize(("ours", "make"), PAIRS, ids=[str(p[0]) for p in PAIRS])
def test_ten_steps_are_pytorchs(ours, make, backend: str) -> None:
    check(*run(ours, make, backend))


@pytest.mark.parametrize(("ours", "clip"), CLIPPED, ids=[str(p[0]) for p in CLIPPED])
def test_clipped_steps_are_pytorchs(ours, clip, backend: str) -> None:
    check(*run(ours, lambda p: T.SGD(p, 0.5), backend, clip))
