"""Train a network on the handwritten digits that come with mpsnn, and read a few."""

from __future__ import annotations

import mpsnn
from mpsnn import layers

digits = mpsnn.data.digits()

net = mpsnn.Graph(seed=0)
x, digit = net.input(28, 28, 1, dtype="uint8", scale=1 / 255), net.labels(10)
y = net.max_pool2d(net.relu(layers.Conv2d(32, kernel=5)(x)), 2)
y = net.max_pool2d(net.relu(layers.Conv2d(64, kernel=5)(y)), 2)
y = net.dropout(net.relu(layers.Dense(1024)(y)), 0.5)
logits = layers.Dense(10)(y)
loss = net.softmax_cross_entropy(logits, digit)

loader = mpsnn.Loader(digits.train_images, digits.train_labels, batch=64)
with mpsnn.Trainer(
    loss, outputs=net.softmax(logits), optimizer=mpsnn.Adam(1e-3), batch=64
) as trainer:
    for epoch in range(3):
        for images, labels in loader:
            step = trainer.train_step(images, labels)  # returns at once; two run at a time
        result = trainer.evaluate(digits.test_images, digits.test_labels)
        print(
            f"epoch {epoch + 1}: loss of the last batch {step.loss.mean():.3f}, "
            f"{result.accuracy:.1%} of the test digits right"
        )
    print("read ", trainer.infer(digits.test_images[::100].copy()).argmax(axis=1))
    print("truth", digits.test_labels[::100])
