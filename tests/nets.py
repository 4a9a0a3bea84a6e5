"""Small networks and data that several tests train."""

from __future__ import annotations

import numpy as np

import mpsnn
from mpsnn import Graph, Value, layers


def small(*, dropout: float = 0.25, norm: bool = False, graph_seed: int = 0) -> tuple[Value, Value]:
    """An 8x8 classifier of four classes: its loss and its probabilities."""
    g = Graph(seed=graph_seed)
    x, labels = g.input(8, 8, 1, name="images"), g.labels(4)
    y = layers.Conv2d(6, kernel=3)(x)
    if norm:
        y = layers.BatchNorm()(y)
    y = g.max_pool2d(g.relu(y), 2)
    if dropout:
        y = g.dropout(y, dropout)
    logits = layers.Dense(4)(y)
    return g.softmax_cross_entropy(logits, labels), g.softmax(logits)


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a mean that tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=n)
    images = rng.standard_normal((n, 8, 8, 1)) + labels[:, None, None, None]
    return images.astype(np.float32), labels


def trainer(
    backend: str | None,
    *,
    batch: int = 16,
    seed: int = 0,
    norm: bool = False,
    dropout: float = 0.25,
    **options,
) -> mpsnn.Trainer:
    loss, probabilities = small(norm=norm, dropout=dropout)
    options.setdefault("optimizer", mpsnn.Adam(1e-2))
    return mpsnn.Trainer(loss, probabilities, batch=batch, backend=backend, seed=seed, **options)


def losses(t: mpsnn.Trainer, images, labels, steps: int = 10) -> np.ndarray:
    """The losses of `steps` steps on rolling batches, submitted without waiting."""
    b = t.batch
    starts = [(i * b) % (len(images) - b + 1) for i in range(steps)]
    queued = [t.train_step(images[s : s + b], labels[s : s + b]) for s in starts]
    return np.stack([step.loss for step in queued])
