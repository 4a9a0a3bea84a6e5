"""The loss and network of the PyTorch run that detection is compared with are ours."""

from __future__ import annotations

import sys
from pathlib import Path

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


def test_the_run_in_pytorch_has_the_same_network_loss_and_gradient(theirs) -> None:
    rng = np.random.default_rng(0)
    grid = detection.Grid(4, 4, 16, ((1.0, 1.5), (2.5, 2.0)))
    images = rng.integers(0, 256, (3, 64, 64, 3), np.uint8)
    boxes = [rng.uniform(0, 64, (n, 2, 2)).astype(np.float32) for n in (4, 1, 0)]
    boxes = [np.sort(b, axis=1).reshape(-1, 4) for b in boxes]
    labels = np.stack([detection.encode(b, grid) for b in boxes])
    net = theirs.small_yolo(grid.channels)
    graph = mpsnn.Graph()
    ours = detection.detector(graph, grid)
    with mpsnn.Trainer(ours.loss, ours.cells, optimizer=mpsnn.SGD(1e-3), batch=3) as trainer:
        state = dict(net.state_dict())
        arrays = [v.numpy() for k, v in state.items() if "num_batches" not in k]
        names = list(trainer.state_dict())
        loaded = {}
        for name, array in zip(names, arrays, strict=True):
            loaded[name] = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
        trainer.load_state_dict({k: np.ascontiguousarray(v) for k, v in loaded.items()})
        loss = trainer.train_step(images, labels).loss
        after = trainer.state_dict()
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    cells = net(theirs.pixels(images)).permute(0, 2, 3, 1)
    expected = theirs.yolo_loss(cells, torch.from_numpy(labels), grid) / 16
    expected.mean().backward()
    optimizer.step()
    np.testing.assert_allclose(loss, expected.detach().numpy(), rtol=1e-4)  # float32 sums
    arrays = [v.numpy() for k, v in net.state_dict().items() if "num_batches" not in k]
    for name, array in zip(names, arrays, strict=True):
        wanted = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
        moved = np.abs(wanted - loaded[name]).max()
        np.testing.assert_allclose(after[name], wanted, atol=2e-3 * moved + 1e-6, err_msg=name)
