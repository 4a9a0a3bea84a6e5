"""What steps hand out, gradients of parameters among it."""

from __future__ import annotations

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, Value, layers


def classes_of(net: Graph, features: Value) -> Value:
    """A classifier's loss behind `features`."""
    return net.softmax_cross_entropy(layers.Dense(3)(features), net.labels(3))


def test_steps_hand_out_what_is_exported(backend: str) -> None:
    net = Graph(seed=1)
    hidden = net.relu(layers.BatchNorm()(layers.Conv2d(8, 3)(net.input(6, 6, 3))))
    dropped = net.dropout(hidden, 0.5)
    loss = classes_of(net, dropped)
    gradients = {v.label: g for v, g in net.training_graph(loss).items()}
    trainer = mpsnn.Trainer(
        loss,
        batch=8,
        backend=backend,
        optimizer=mpsnn.SGD(0.5),
        export={
            "hidden": hidden,
            "mask": dropped.states["mask"],
            "gradient": gradients["dense_1.weight"],
        },
    )
    before = trainer.state_dict()["dense_1.weight"]
    images = np.random.default_rng(0).standard_normal((5, 6, 6, 3)).astype(np.float32)
    step = trainer.train_step(images, np.zeros(5, np.int32))
    out = step.exported
    assert out["hidden"].shape == out["mask"].shape == (5, 6, 6, 8)
    assert (out["hidden"].dtype, out["mask"].dtype) == (np.float32, np.uint8)
    assert out["hidden"].min() == 0
    assert set(np.unique(out["mask"])) == {0, 1}
    after = trainer.state_dict()["dense_1.weight"]
    np.testing.assert_allclose(after, before - 0.5 * out["gradient"], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("chosen", [None, "conv2d_2.weight"])
def test_exported_gradients_are_those_of_the_step_and_computed_once(
    chosen: str | None, backend: str, rng
) -> None:
    net = Graph(seed=1)
    x = net.relu(layers.Conv2d(4, 3)(net.input(4, 4, 2)))
    loss = classes_of(net, net.add(x, layers.Conv2d(4, 3)(x)))
    options = {"batch": 4, "backend": backend, "optimizer": mpsnn.SGD(0.5)}
    with mpsnn.Trainer(loss, **options) as alone:
        nodes = len(alone.implementations())
    gradients = {v.label: g for v, g in net.training_graph(loss).items()}
    wanted = {n: g for n, g in gradients.items() if chosen in (None, n)}
    with mpsnn.Trainer(loss, export=wanted, **options) as trainer:
        assert len(trainer.implementations()) == nodes
        before = trainer.state_dict()
        steps = [
            trainer.train_step(
                rng.standard_normal((4, 4, 4, 2)).astype(np.float32), np.array([0, 1, 2, 0])
            )
            for _ in range(3)
        ]
        after = trainer.state_dict()
    for name in wanted:
        moved = sum(step.exported[name] for step in steps)
        assert np.abs(moved).max() > 0
        np.testing.assert_allclose(after[name], before[name] - 0.5 * moved, rtol=1e-5, atol=1e-6)
