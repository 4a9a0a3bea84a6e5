from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mpsnn
from mpsnn import ShapeError, data


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


def test_the_recordings_are_of_ten_people_and_seven_exercises() -> None:
    found = data.recordings()
    assert len(found.samples) == len(found.exercises) == len(found.subjects) == 140
    assert {x.shape[1] for x in found.samples} == {6}
    assert (min(map(len, found.samples)), max(map(len, found.samples))) == (947, 2618)
    assert sum(map(len, found.samples)) == 244102
    assert set(found.subjects) == set(range(1, 11))
    assert set(found.exercises) == set(range(7))
    assert found.classes == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    # A watch at rest feels one gravity: in the mean it is near that while it moves slowly.
    force = np.concatenate([np.linalg.norm(x[:, :3], axis=1) for x in found.samples])
    assert 0.9 < np.median(force) < 1.1
    assert len(found.of([2]).samples) == (found.subjects == 2).sum()


def test_no_window_of_a_test_subject_is_trained_on() -> None:
    a = data.activity()
    assert a.train_windows.shape == (1522, 200, 6)
    assert a.test_windows.shape == (707, 200, 6)
    assert a.train_windows.dtype == np.float32
    np.testing.assert_allclose(a.train_windows.mean((0, 1), dtype=float), 0, atol=1e-5)
    np.testing.assert_allclose(a.train_windows.std((0, 1), dtype=float), 1, atol=1e-5)
    known = {window.tobytes() for window in a.train_windows}
    assert not any(window.tobytes() in known for window in a.test_windows)
    first = data.recordings().of(data.TEST_SUBJECTS).samples[0]
    again = a.test_windows[0] * a.deviation + a.mean
    np.testing.assert_allclose(again, first[:200], atol=1e-5)


def test_windows_that_cannot_be_are_refused() -> None:
    found = data.recordings().of([1])
    assert found.windows(900, 5000)[0].shape == (len(found.samples), 900, 6)
    for arguments, message in (((0, 1), "width"), ((9, 0), "step"), ((5000, 1), "5000 samples")):
        with pytest.raises(ShapeError, match=message):
            found.windows(*arguments)


def test_the_recordings_come_with_their_own_licence() -> None:
    assert mpsnn.__file__ is not None
    notice = Path(mpsnn.__file__).parent / "datasets" / "LICENSE-ACTIVITY.txt"
    assert "Copyright (c) 2018, David M. Burns" in notice.read_text()
    assert "Redistributions in binary form must reproduce" in notice.read_text()


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


def test_batches_of_images_alone_have_none_for_labels_as_those_of_a_loader() -> None:
    images = np.arange(5, dtype=np.float32)
    parts = list(mpsnn.batches(images, None, 2, shuffle=False))
    loaded = list(mpsnn.Loader(images, None, 2, shuffle=False))
    assert [(x.tolist(), y) for x, y in parts] == [(x.tolist(), y) for x, y in loaded]
    assert [y for _, y in parts] == [None] * 3


def test_a_mistake_in_batches_is_reported_by_the_call_itself() -> None:
    with pytest.raises(
        mpsnn.ShapeError, match=r"images \(3, 2\) and labels \(4,\) must have the same length"
    ):
        mpsnn.batches(np.zeros((3, 2)), np.zeros(4), 2)
    with pytest.raises(mpsnn.ShapeError, match=r"images \(0, 2\) must not be empty"):
        mpsnn.batches(np.zeros((0, 2)), np.zeros(0), 2)
    with pytest.raises(mpsnn.ShapeError, match=r"batches: batch must be from 1 to \d+, got 0"):
        mpsnn.batches(np.zeros((3, 2)), np.zeros(3), 0)
