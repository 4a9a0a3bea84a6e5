"""What a wheel must do where it was just installed: one training step on each of its backends."""

from __future__ import annotations

import sys

import numpy as np

import mpsnn
from mpsnn import layers


def step(backend: str) -> float:
    """The loss of a step of a network with a convolution."""
    net = mpsnn.Graph(seed=0)
    image, label = net.input(8, 8, 1), net.labels(3)
    features = net.max_pool2d(net.relu(layers.Conv2d(4, kernel=3)(image)), 2)
    loss = net.softmax_cross_entropy(layers.Dense(3)(features), label)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((6, 8, 8, 1)).astype(np.float32)
    with mpsnn.Trainer(loss, batch=6, backend=backend) as trainer:
        return float(trainer.train_step(images, np.arange(6) % 3).loss.mean())


def main() -> int:
    """Whether every backend gives the loss of the reference."""
    losses = {backend: step(backend) for backend in mpsnn.backend_names()}
    for backend, loss in losses.items():
        print(f"{backend:<12}loss {loss:.6f}")
    reasons = {name: detail for name, _, detail in mpsnn.backend_status()}
    if sys.platform == "darwin" and "not in this build" in reasons["metal"]:
        print("metal: " + reasons["metal"])
        return 1
    return int(any(abs(loss - losses["reference"]) > 1e-4 for loss in losses.values()))


if __name__ == "__main__":
    sys.exit(main())
