"""What several tests share: every backend, a generator, and a small network."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import layers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skips what MPS has not, where metal says so; test_metal counts what is left."""
    try:
        return (yield)
    except mpsnn.UnsupportedError as refusal:
        values = getattr(item, "callspec", None)
        if values is None or "metal" not in values.params.values():
            raise
        if not str(refusal).startswith("backend 'metal' cannot run:"):
            raise
        pytest.skip(str(refusal).splitlines()[-1].strip())


# These build the library, for minutes: other files' tests run beside them.
BUILDS = ("test_metal.py", "test_cpp.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in BUILDS)


@pytest.fixture(params=mpsnn.backend_names())
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def make_trainer() -> Callable[..., mpsnn.Trainer]:
    """Trainer of a network with every kind of variable: (6, 6, 1) to 3 classes."""

    def make(backend: str = "reference", units: int = 5, **options: Any) -> mpsnn.Trainer:
        net = mpsnn.Graph(seed=options.get("seed", 0))
        x, label = net.input(6, 6, 1), net.labels(3)
        y = net.relu(layers.BatchNorm()(layers.Conv2d(2, 3)(x)))
        y = net.dropout(net.relu(layers.Dense(units)(y)), 0.3)
        logits = layers.Dense(3)(y)
        loss = net.softmax_cross_entropy(logits, label)
        return mpsnn.Trainer(loss, net.softmax(logits), batch=4, backend=backend, **options)

    return make


@pytest.fixture
def train(rng: np.random.Generator) -> Callable[[mpsnn.Trainer, int], list[float]]:
    """Run so many steps of a `make_trainer`, always from the same batches; their losses."""
    images = rng.normal(size=(8, 4, 6, 6, 1)).astype(np.float32)
    labels = rng.integers(0, 3, (8, 4))

    def run(trainer: mpsnn.Trainer, steps: int) -> list[float]:
        first = trainer.step
        return [
            float(trainer.train_step(images[i % 8], labels[i % 8]).loss.sum())
            for i in range(first, first + steps)
        ]

    return run
