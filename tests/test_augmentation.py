"""What the loader does to images, and their order, compared with numpy on the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpsnn import Loader

ORDER, MOVES, COLOURS = 0x10AD0000, 0x10AD0001, 0x10AD0002
WORD = 2**32


def philox(number: int, stream: int, epoch: int, seed: int) -> list[int]:
    """Four words, after Salmon et al., SC 2011."""
    c, k = [number, stream, epoch % WORD, epoch // WORD], [seed % WORD, seed // WORD]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b // WORD ^ c[1] ^ k[0], b % WORD, a // WORD ^ c[3] ^ k[1], a % WORD]
        k = [(k[0] + 0x9E3779B9) % WORD, (k[1] + 0xBB67AE85) % WORD]
    return c


def order(size: int, seed: int, epoch: int) -> list[int]:
    """Fisher and Yates, from the end."""
    found = list(range(size))
    for n, i in enumerate(range(size - 1, 0, -1)):
        j = philox(n // 4, ORDER, epoch, seed)[n % 4] * (i + 1) // WORD
        found[i], found[j] = found[j], found[i]
    return found


def symmetric(word: int) -> np.float32:
    return np.float32(word / 2**31 - 1)


def prepared(image: np.ndarray, index: int, seed: int, epoch: int, o: dict[str, Any]) -> np.ndarray:
    """What the loader makes of one image, in float32 as it does."""
    words, crop = philox(index, MOVES, epoch, seed), o.get("crop", 0)
    x = image
    if o.get("flip_horizontal") and words[0] >= WORD // 2:
        x = x[:, ::-1]
    if o.get("flip_vertical") and words[1] >= WORD // 2:
        x = x[::-1]
    if crop:
        top, left = (word * (2 * crop + 1) // WORD for word in words[2:])
        padded = np.pad(x, ((crop, crop), (crop, crop), (0, 0)))
        x = padded[top : top + image.shape[0], left : left + image.shape[1]]
    drawn = [symmetric(word) for word in philox(index, COLOURS, epoch, seed)]
    if "contrast" in o or "brightness" in o:
        # A running sum, as the loader adds up.
        centre = np.float32(np.cumsum(image, dtype=np.float64)[-1] / image.size)
        factor = np.float32(1) + np.float32(o.get("contrast", 0)) * drawn[0]
        x = (x.astype(np.float32) - centre) * factor + centre
        x = x + np.float32(o.get("brightness", 0)) * drawn[1]
        if image.dtype == np.uint8:
            x = np.clip(x, 0, 255)
    if "mean" in o or "deviation" in o:
        mean, deviation = np.float32(o.get("mean", 0)), np.float32(o.get("deviation", 1))
        return (x.astype(np.float32) - mean) / deviation
    return np.round(x).astype(np.uint8) if image.dtype == np.uint8 else x


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (1, 0), (0, 1), (2**64 - 1, 2**40 + 3)])
def test_the_order_is_a_shuffle_by_philox_of_seed_and_epoch(seed: int, epoch: int) -> None:
    numbers = np.arange(37, dtype=np.int32)
    loader = Loader(numbers, numbers, 5, seed=seed)
    loader.epoch = epoch
    parts = list(loader)
    assert [len(x) for x, _ in parts] == [5] * 7 + [2]
    assert np.concatenate([x for x, _ in parts]).tolist() == order(37, seed, epoch)
    assert all(x.tolist() == y.tolist() for x, y in parts)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"flip_horizontal": True},
        {"flip_vertical": True},
        {"crop": 2},
        {"crop": 9, "flip_horizontal": True},
        {"mean": 100.0, "deviation": 3.0},
        {"deviation": 255},
        {"mean": [1.0, 2.0, 3.0]},
        {"contrast": 0.7},
        {"brightness": 90.0},
        {
            "flip_horizontal": True,
            "flip_vertical": True,
            "crop": 3,
            "contrast": 0.5,
            "brightness": 40.0,
            "mean": np.array([120.0, 110.0, 100.0]),
            "deviation": [60.0, 61.0, 62.0],
        },
    ],
    ids=lambda options: "+".join(options) or "none",
)
def test_images_are_prepared_exactly_as_numpy_does_it(
    dtype: type, options: dict[str, Any], rng: np.random.Generator
) -> None:
    # 5 x 7 pixels fit no vector; 31 x 23 are more than one tile of the normalisation.
    for shape in ((5, 7, 3), (31, 23, 3)):
        images = (rng.random((12, *shape)) * 255).astype(dtype)
        loader = Loader(images, np.arange(12), 5, seed=4, **options)
        loader.epoch = 9
        for x, indices in loader:
            assert x.dtype == (np.float32 if {"mean", "deviation"} & {*options} else dtype)
            assert x.flags.c_contiguous
            for got, index in zip(x, indices, strict=True):
                expected = prepared(images[index], int(index), 4, 9, options)
                np.testing.assert_array_equal(got, expected)


def test_an_augmentation_draws_the_same_whatever_the_others_and_the_batch_are() -> None:
    images = np.arange(6 * 4 * 4, dtype=np.float32).reshape(6, 4, 4, 1)
    labels = np.arange(6)

    def moved(batch: int, **options: Any) -> np.ndarray:
        parts = list(Loader(images, labels, batch, flip_horizontal=True, **options))
        x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
        return x[np.argsort(y)]

    alone = moved(2)
    np.testing.assert_array_equal(moved(5, shuffle=False), alone)
    both = moved(3, deviation=2.0)
    np.testing.assert_array_equal(both, alone / 2)


def test_series_and_rows_are_normalised_per_channel(rng: np.random.Generator) -> None:
    series = rng.standard_normal((4, 9, 6)).astype(np.float32)
    mean, deviation = np.arange(6, dtype=np.float32), np.arange(1, 7, dtype=np.float32)
    ((x, _),) = Loader(series, None, 4, shuffle=False, mean=mean, deviation=deviation)
    np.testing.assert_array_equal(x, (series - mean) / deviation)
