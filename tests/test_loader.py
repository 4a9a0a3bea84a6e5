"""The loader's batches, epochs, memory and thread."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest
from test_concurrency import run

import mpsnn
from mpsnn import Loader, ShapeError


def test_epochs_count_up_differ_and_can_be_resumed_anywhere() -> None:
    numbers = np.arange(20)
    loader = Loader(numbers.astype(np.float32), numbers, 3, seed=1)
    assert len(loader) == 7
    first, second = ([y.tolist() for _, y in loader] for _ in range(2))
    assert loader.epoch == 2
    assert first != second
    for epoch in first, second:
        assert sorted(label for part in epoch for label in part) == list(range(20))
    again = Loader(numbers.astype(np.float32), numbers, 3, seed=1)
    again.epoch = 1
    assert [y.tolist() for _, y in again] == second
    assert [y.tolist() for _, y in again.batches(0, first=5)] == first[5:]
    assert list(again.batches(0, first=7)) == []
    for _ in again:  # an epoch that is left early counts too
        break
    assert again.epoch == 3


def test_without_shuffling_the_order_is_that_of_the_arrays_and_a_rest_can_be_dropped() -> None:
    numbers = np.arange(8, dtype=np.uint8)
    loader = Loader(numbers, None, 3, shuffle=False, drop_last=True, prefetch=1)
    assert [x.tolist() for x, _ in loader] == [[0, 1, 2], [3, 4, 5]]
    assert all(y is None for _, y in loader)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int32, np.float32])
def test_labels_come_as_a_step_takes_them(dtype: type) -> None:
    labels = np.arange(12).reshape(6, 2).astype(dtype)
    ((_, y),) = Loader(np.zeros((6, 1), np.float32), labels, 6, shuffle=False)
    assert y.dtype == (np.float32 if dtype == np.float32 else np.int32)
    np.testing.assert_array_equal(y, labels)


def test_batches_may_be_kept_and_changed() -> None:
    numbers = np.arange(3000, dtype=np.float32)
    kept = list(Loader(numbers, numbers.astype(np.int32), 7, shuffle=False))
    gc.collect()
    np.testing.assert_array_equal(np.concatenate([x for x, _ in kept]), numbers)
    kept[0][0][:] = -1
    np.testing.assert_array_equal(np.concatenate([y for _, y in kept]), numbers)
    assert numbers[0] == 0
    part = kept[3][0][2:4]
    del kept
    assert part.tolist() == [23, 24]


def test_memory_of_a_batch_that_is_gone_is_used_again() -> None:
    places = {x.ctypes.data for x, _ in Loader(np.zeros((500, 8), np.float32), None, 5)}
    assert len(places) <= 6  # two that wait, one in the making, the loop's, and the one before it


def test_a_loop_that_is_left_stops_the_thread_and_several_may_run_at_once() -> None:
    images = np.zeros((600, 32, 32, 3), np.uint8)
    loader = Loader(images, np.arange(600), 100, mean=1.0)
    for _ in range(20):
        for _ in loader:
            break
    pairs = zip(loader.batches(0), loader.batches(0), loader.batches(1), strict=True)
    same = [((a == b).all(), (a == c).all()) for (_, a), (_, b), (_, c) in pairs]
    assert same == [(True, False)] * 6


def test_the_thread_needs_no_interpreter() -> None:
    trace = mpsnn.Trace()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # this thread does not let go by itself
    try:
        batches = iter(Loader(np.zeros((9, 2), np.float32), None, 3, trace=trace))
        for _ in range(10**9):
            if len(trace) == 2:
                break
    finally:
        sys.setswitchinterval(interval)
    assert len(trace) == 2
    assert len(list(batches)) == 3


def test_training_with_a_loader_equals_training_with_the_same_batches(backend: str) -> None:
    images, labels = nets.data(64)
    loader = Loader(images, labels, 16, seed=3, mean=1.0, deviation=2.0)
    with nets.trainer(backend) as trainer, nets.trainer(backend) as other:
        for x, y in loader:
            got = trainer.train_step(x, y).loss
            rows = y_rows(y, x, images, labels)
            expected = other.train_step((images[rows] - 1) / 2, labels[rows]).loss
            np.testing.assert_array_equal(got, expected)


def y_rows(y: np.ndarray, x: np.ndarray, images: np.ndarray, labels: np.ndarray) -> list[int]:
    """Which images a batch holds."""
    normal = (images - 1) / 2
    rows = [int(np.flatnonzero((normal == one).all((1, 2, 3)))[0]) for one in x]
    assert labels[rows].tolist() == y.tolist()
    return rows


IMAGES, LABELS = np.zeros((4, 6, 6, 3), np.float32), np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGES[:0], LABELS[:0], 2), r"images \(0, 6, 6, 3\) must not be empty"),
        ((IMAGES, LABELS[:3], 2), r"images \(4, 6, 6, 3\) and labels \(3,\) must have the same"),
        ((IMAGES[0, 0, 0, 0], LABELS, 2), r"images: must be a numpy array|images \(\)"),
        ((IMAGES, LABELS, 0), "batch must be from 1 to"),
        ((IMAGES, LABELS, 2**21), "batch must be 1 to 1048576, got 2097152"),
        ((IMAGES[:, ::2], LABELS, 2), r"images: \(4, 3, 6, 3\) must be C-contiguous"),
        ((IMAGES.astype(np.float64), LABELS, 2), "images must be uint8, int32 or float32"),
        ((IMAGES.astype(np.int64), LABELS, 2), "images: dtype int64 is not accepted"),
        ((IMAGES, LABELS.astype(np.float64), 2), "labels: must be float32 if they are no class"),
        ((IMAGES, LABELS, 2, {"prefetch": 65}), "prefetch must be 1 to 64, got 65"),
        ((IMAGES, LABELS, 2, {"seed": -1}), r"seed: must be from 0 to 2\*\*64 - 1, got -1"),
        ((IMAGES, LABELS, 2, {"crop": -1}), "crop must be from 0"),
        ((IMAGES, LABELS, 2, {"contrast": 1.5}), "contrast must be 0 to 1, got 1.5"),
        ((IMAGES, LABELS, 2, {"brightness": -1.0}), "brightness must not be negative"),
        ((IMAGES, LABELS, 2, {"mean": [1, 2]}), "mean must be one number or one for each of 3"),
        ((IMAGES, LABELS, 2, {"mean": float("nan")}), "mean must be finite"),
        ((IMAGES, LABELS, 2, {"deviation": 0}), "deviation must be greater than 0"),
        ((IMAGES, LABELS, 2, {"deviation": [[1]]}), r"one per channel, got shape \(1, 1\)"),
        ((IMAGES, LABELS, 5, {"drop_last": True}), "drop_last leaves nothing of 4 images"),
        ((IMAGES[0], None, 2, {"crop": 1}), r"must be \(H, W, C\) each to be flipped or cropped"),
        (
            (IMAGES, np.zeros((4, 6, 6), np.int32), 2, {"flip_vertical": True}),
            r"labels \(6, 6\) of an image would not be flipped and cropped with it",
        ),
        (
            (np.zeros((4, 3), np.int32), None, 2, {"mean": 1.0}),
            "must be uint8 or float32 for contrast, brightness, mean and deviation, got int32",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: tuple[Any, ...], message: str) -> None:
    options = arguments[3] if len(arguments) > 3 else {}
    with pytest.raises((ShapeError, TypeError), match=message):
        Loader(*arguments[:3], **options)


def test_an_epoch_that_cannot_be_is_refused() -> None:
    loader = Loader(IMAGES, LABELS, 2)
    with pytest.raises(ShapeError, match="first must be 0 to 2, got 3"):
        loader.batches(0, first=3)
    with pytest.raises(ShapeError, match=r"epoch: must be from 0 to 2\*\*64 - 1, got -1"):
        loader.epoch = -1
    with pytest.raises(TypeError, match="epoch: must be an integer"):
        loader.batches(1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="images: must be a numpy array, got list"):
        Loader([1, 2], None, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="trace must be a Trace, got str"):
        Loader(IMAGES, LABELS, 2, trace="run.json")  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a system that says what memory it has")
def test_a_batch_without_memory_for_it_is_an_error_of_the_iteration(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**42)  # takes no room on the disk
    images = np.memmap(path, np.uint8, "r", shape=(2**12, 2**15, 2**15))
    batches = iter(Loader(images, None, 2**12))
    for _ in range(2):
        with pytest.raises(mpsnn.DeviceError, match="not enough memory: 4398046511104 bytes"):
            next(batches)


EPOCH = """
import numpy as np, mpsnn
loader = mpsnn.Loader(np.zeros((64, 200, 200, 3), np.uint8), np.arange(64), 8, mean=1.0)
batches = iter(loader)
first = next(batches)
"""


def test_an_epoch_under_way_does_not_hang_the_exit() -> None:
    for end in ("print('end')", "1 / 0"):
        done = run(EPOCH + end)
        assert ("end" in done.stdout) == (done.returncode == 0), done.stderr
        assert done.returncode in (0, 1), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_an_error_and_may_iterate_anew() -> None:
    code = (
        EPOCH
        + """
import gc, os, sys, warnings
warnings.simplefilter("ignore")
pid = os.fork()
if pid == 0:
    try:
        next(batches)
    except mpsnn.Error as e:
        print(e, flush=True)
    del batches, first
    gc.collect()
    print(len(list(loader)), flush=True)
    sys.exit(0)
_, status = os.waitpid(pid, 0)
print(1 + len(list(batches)), flush=True)
sys.exit(status)
"""
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "a fork of the one that started the epoch" in done.stdout
    assert done.stdout.splitlines()[1:] == ["8", "8"]
