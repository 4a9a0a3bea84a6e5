from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mpsnn
from mpsnn import data


def test_the_digits_are_6000_and_1000_images_with_ten_balanced_classes() -> None:
    digits = data.digits()
    assert digits.train_images.shape == (6000, 28, 28, 1)
    assert digits.test_images.shape == (1000, 28, 28, 1)
    assert digits.train_images.dtype == digits.test_images.dtype == np.uint8
    assert np.bincount(digits.train_labels, minlength=10).min() > 500
    assert np.bincount(digits.test_labels, minlength=10).min() > 80


def test_no_test_digit_is_a_training_digit() -> None:
    digits = data.digits()
    training = {image.tobytes() for image in digits.train_images}
    assert not any(image.tobytes() in training for image in digits.test_images)


def test_the_digits_come_with_their_own_licence() -> None:
    assert mpsnn.__file__ is not None
    notice = Path(mpsnn.__file__).parent / "datasets" / "LICENSE-DIGITS.txt"
    assert "CC BY-SA 3.0" in notice.read_text()
    assert "LeCun" in notice.read_text()


def test_an_epoch_has_every_image_once_with_its_own_label(rng: np.random.Generator) -> None:
    images, labels = rng.normal(size=(10, 3)), np.arange(10)
    parts = list(mpsnn.batches(images, labels, 4, seed=1))
    assert [len(part) for part, _ in parts] == [4, 4, 2]
    order = np.concatenate([part for _, part in parts])
    assert sorted(order) == list(range(10))
    np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), images[order])


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    numbers = np.arange(100)

    def order(seed: int | tuple[int, int]) -> list[int]:
        return [int(i) for part, _ in mpsnn.batches(numbers, numbers, 7, seed=seed) for i in part]

    assert order(3) == order(3)
    assert order(3) != order(4)
    assert order((3, 0)) != order((3, 1))


def test_without_shuffling_the_order_is_that_of_the_arrays() -> None:
    numbers = np.arange(5)
    parts = [list(part) for part, _ in mpsnn.batches(numbers, numbers, 2, shuffle=False)]
    assert parts == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_contiguous_also_of_arrays_that_are_not(shuffle: bool) -> None:
    images = np.zeros((3, 4, 6), np.uint8).transpose(2, 1, 0)
    for part, _ in mpsnn.batches(images, np.zeros(6), 4, shuffle=shuffle, seed=0):
        assert part.flags.c_contiguous
        assert part.dtype == np.uint8


def test_a_mistake_in_batches_is_reported_by_the_call_itself() -> None:
    with pytest.raises(
        mpsnn.ShapeError, match=r"images \(3, 2\) and labels \(4,\) must have the same length"
    ):
        mpsnn.batches(np.zeros((3, 2)), np.zeros(4), 2)
    with pytest.raises(mpsnn.ShapeError, match=r"images \(0, 2\) must not be empty"):
        mpsnn.batches(np.zeros((0, 2)), np.zeros(0), 2)
    with pytest.raises(mpsnn.ShapeError, match=r"batches: batch must be from 1 to \d+, got 0"):
        mpsnn.batches(np.zeros((3, 2)), np.zeros(3), 0)
