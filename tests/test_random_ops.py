"""Fast backends against the reference on windows that nobody thought of."""

from __future__ import annotations

import random

import numpy as np
import pytest
from case import Case
from harness import Runner

import mpsnn
from mpsnn import Graph, ShapeError

FAST = [name for name in mpsnn.backend_names() if name != "reference"]


def draw(r: random.Random) -> Case:
    """A convolution or pooling over a small image, possible or not."""
    x = (r.randint(1, 12), r.randint(1, 12), r.choice([1, 2, 3, 4, 8, 16, 17]))
    options = {
        "stride": (r.randint(1, 4), r.randint(1, 4)),
        "padding": r.choice(["same", "valid", tuple(r.randint(0, 3) for _ in range(4))]),
    }
    kernel = (r.randint(1, 5), r.randint(1, 5))
    op = r.choice(["conv2d", "max_pool2d", "avg_pool2d"])
    if op != "conv2d":
        options |= {"kernel": kernel, "edge": r.choice(["clamp", "zero"])}
        return Case(op, getattr(Graph, op), (x,), kink=op == "max_pool2d", options=options)
    groups = r.choice([g for g in (1, 2, x[2]) if x[2] % g == 0])
    weight = (groups * r.randint(1, 5), *kernel, x[2] // groups)
    options |= {"dilation": (r.randint(1, 3), r.randint(1, 3)), "groups": groups}
    return Case(op, Graph.conv2d, (x,), (weight, weight[:1]), options=options)


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("seed", range(4))
def test_random_windows_agree_with_the_reference(fast: str, seed: int) -> None:
    r = random.Random(seed)
    compared = 0
    for _ in range(40):
        case, images, results = draw(r), r.randint(1, 4), []
        try:
            for backend in (fast, "reference"):
                rng = np.random.default_rng(seed)
                run = Runner(case, backend, images)
                results.append(run(run.bindings(rng), *run.data(case, rng)))
        except ShapeError:
            assert not results, "both backends take the same graphs"
            continue
        compared += 1
        for ours, reference in zip(*results, strict=True):
            scale = np.abs(reference).max()
            # as in test_ops.py: float32 sums of a few thousand products
            np.testing.assert_allclose(
                ours, reference, rtol=0, atol=2e-5 * scale + 1e-9, err_msg=f"{case} {images}"
            )
    assert compared > 20
