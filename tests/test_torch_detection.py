"""The loss and network of the PyTorch run that detection is compared with are ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mpsnn
from mpsnn import detection

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import detection_torch

    yield detection_torch
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


GRID = detection.Grid(4, 4, 16, ((1.0, 1.5), (2.5, 2.0)))


@pytest.fixture
def examples(rng: np.random.Generator) -> tuple[Any, Any]:
    """Three pictures of noise and the labels of a few boxes."""
    boxes = [rng.uniform(0, 64, (n, 2, 2)).astype(np.float32) for n in (4, 1, 0)]
    corners = [np.sort(b, axis=1).reshape(-1, 4) for b in boxes]
    images = rng.integers(0, 256, (3, 64, 64, 3), np.uint8)
    return images, np.stack([detection.encode(b, GRID) for b in corners])


def weights(net: Any) -> list[Any]:
    """Of the net in PyTorch, in our layout."""
    arrays = [v.numpy() for k, v in net.state_dict().items() if "num_batches" not in k]
    return [np.array(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a, order="C") for a in arrays]


def both(
    theirs: Any, examples: tuple[Any, Any], rule: mpsnn.SGD | mpsnn.Adam, steps: int
) -> tuple[list[Any], list[Any], list[list[Any]]]:
    """Train both from one start: the losses of each, and weights at the start, ours and theirs."""
    images, labels = examples
    torch.manual_seed(0)
    net = theirs.small_yolo(GRID.channels)
    ours = detection.detector(mpsnn.Graph(), GRID)
    before = weights(net)
    with mpsnn.Trainer(ours.loss, ours.cells, optimizer=rule, batch=len(images)) as trainer:
        trainer.load_state_dict(dict(zip(trainer.state_dict(), before, strict=True)))
        losses = [trainer.train_step(images, labels).loss for _ in range(steps)]
        after = list(trainer.state_dict().values())
    optimizer = getattr(torch.optim, type(rule).__name__)(net.parameters(), rule.learning_rate)
    expected = []
    for _ in range(steps):
        cells = net(theirs.pixels(images)).permute(0, 2, 3, 1)
        loss = theirs.yolo_loss(cells, torch.from_numpy(labels), GRID) / (GRID.rows * GRID.columns)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        expected.append(loss.detach().numpy())
    return losses, expected, [before, after, weights(net)]


def test_the_run_in_pytorch_has_the_same_network_loss_and_gradient(
    theirs: Any, examples: tuple[Any, Any]
) -> None:
    losses, expected, tensors = both(theirs, examples, mpsnn.SGD(1e-3), 1)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)  # float32 sums
    for before, after, wanted in zip(*tensors, strict=True):
        moved = np.abs(wanted - before).max()
        np.testing.assert_allclose(after, wanted, atol=2e-3 * moved + 1e-6)


def test_the_run_in_pytorch_goes_the_same_way(theirs: Any, examples: tuple[Any, Any]) -> None:
    losses, expected, _ = both(theirs, examples, mpsnn.Adam(1e-3), 8)
    ours, wanted = np.mean(losses, axis=1), np.mean(expected, axis=1)
    assert wanted[-1] < 0.7 * wanted[0]
    # Adam's first steps go by the signs of gradients, also of those that are all but 0.
    np.testing.assert_allclose(ours, wanted, rtol=2e-3)
