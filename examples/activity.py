"""Tell exercises apart by 40 seconds of a smart watch's accelerometer and gyroscope.

The network has the shape that WWDC 2018 session 609 shows: 2000 samples of 6 channels, a convolution to
20 steps, an LSTM over them, another convolution, and a softmax. Most recordings are shorter: their lengths
go into the LSTM. The test is on three people whom the network has never seen.
"""

from __future__ import annotations

import numpy as np

import mpsnn
from mpsnn import layers

SAMPLES, STRIDE, STEPS = 2000, 100, 20

everyone = mpsnn.data.recordings()
train, test = everyone.of(range(1, 8)), everyone.of(range(8, 11))
mean = np.concatenate(train.samples).mean(axis=0)
deviation = np.concatenate(train.samples).std(axis=0)


def padded(
    samples: tuple[np.ndarray, ...], rng: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """The recordings as one array, from their start or, for training, from a random sample on."""
    out = np.zeros((len(samples), SAMPLES, 6), np.float32)
    lengths = np.zeros(len(samples), np.int32)
    for i, recording in enumerate(samples):
        begin = 0 if rng is None else int(rng.integers(0, len(recording) // 3))
        part = (recording[begin : begin + SAMPLES] - mean) / deviation
        out[i, : len(part)] = part
        lengths[i] = len(part) // STRIDE
    return {"samples": out, "lengths": lengths}


net = mpsnn.Graph(seed=0)
samples, lengths = net.input(SAMPLES, 6, name="samples"), net.input(dtype="int32", name="lengths")
exercise = net.labels(len(everyone.classes))
y = net.relu(layers.Conv1d(64, kernel=STRIDE, stride=STRIDE, padding="valid")(samples))
y = layers.LSTM(100).unroll(net.dropout(y, 0.3), lengths=lengths).y
y = net.relu(layers.Conv1d(64, kernel=3)(y))
logits = layers.Dense(len(everyone.classes))(net.dropout(net.reduce_mean(y, 0), 0.3))
loss = net.softmax_cross_entropy(logits, exercise)
assert y.shape == (STEPS, 64)

rng = np.random.default_rng(0)
with mpsnn.Trainer(loss, net.softmax(logits), optimizer=mpsnn.Adam(1e-3), batch=14) as trainer:
    for epoch in range(60):
        data = padded(train.samples, rng)
        order = rng.permutation(len(train.samples)).reshape(-1, 14)
        for rows in order:
            part = {name: array[rows] for name, array in data.items()}
            step = trainer.train_step(part, train.exercises[rows])
        if epoch % 20 == 19:
            result = trainer.evaluate(padded(test.samples), test.exercises)
            print(
                f"epoch {epoch + 1}: loss of the last batch {step.loss.mean():.3f}, "
                f"{result.accuracy:.1%} of the test recordings right"
            )
    guesses = trainer.infer(padded(test.samples[:7])).argmax(axis=1)
    print("guess", [everyone.classes[i] for i in guesses])
    print("truth", [everyone.classes[i] for i in test.exercises[:7]])
