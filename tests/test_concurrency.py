from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Error

IMAGES, LABELS = nets.data(64)


def test_two_trainers_in_two_threads_do_not_disturb_each_other(backend: str) -> None:
    expected = nets.losses(nets.trainer(backend), IMAGES, LABELS, 20)
    results: list[np.ndarray] = []

    def work() -> None:
        results.append(nets.losses(nets.trainer(backend), IMAGES, LABELS, 20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 2
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_many_threads_may_use_one_trainer(backend: str) -> None:
    t = nets.trainer(backend)
    failures: list[Exception] = []

    def work(i: int) -> None:
        try:
            for _ in range(10):
                if i % 2:
                    assert np.isfinite(t.train_step(IMAGES[:16], LABELS[:16]).loss).all()
                else:
                    assert t.infer(IMAGES[: 5 + i]).shape == (5 + i, 4)
        except Exception as e:  # noqa: BLE001 - shown by the assertion below
            failures.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert t.step == 20


def test_callbacks_come_in_order_with_their_finished_step(backend: str) -> None:
    t, seen = nets.trainer(backend), []
    steps = [
        t.train_step(
            IMAGES[:16], LABELS[:16], on_complete=lambda s: seen.append((s.done(), s.loss))
        )
        for _ in range(6)
    ]
    t.wait()
    assert [done for done, _ in seen] == [True] * 6
    for step, (_, loss) in zip(steps, seen, strict=True):
        np.testing.assert_array_equal(step.loss, loss)


def test_a_callback_that_fails_is_reported_and_harmless(backend: str) -> None:
    t = nets.trainer(backend)
    reported = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda e: reported.append(e.exc_value)
    try:
        t.train_step(IMAGES[:16], LABELS[:16], on_complete=lambda s: 1 / 0)
        t.wait()
    finally:
        sys.unraisablehook = hook
    assert [type(e) for e in reported] == [ZeroDivisionError]
    assert t.train_step(IMAGES[:16], LABELS[:16]).loss.shape == (16,)


@pytest.mark.parametrize("call", ["train_step", "infer", "close"])
def test_a_callback_that_would_wait_for_itself_gets_an_error(backend: str, call: str) -> None:
    t, errors = nets.trainer(backend), []
    calls = {
        "train_step": lambda: t.train_step(IMAGES[:16], LABELS[:16]),
        "infer": lambda: t.infer(IMAGES[:16]),
        "close": t.close,
    }

    def callback(step: mpsnn.Step) -> None:
        try:
            calls[call]()
        except Error as e:
            errors.append(str(e))

    t.train_step(IMAGES[:16], LABELS[:16], on_complete=callback)
    t.wait()
    assert len(errors) == 1
    assert "callback" in errors[0]


def test_a_callback_may_read_a_trainer_that_is_being_closed(backend: str) -> None:
    trainer = nets.trainer(backend)
    begun, read = threading.Event(), []

    def slow(_: mpsnn.Step) -> None:
        begun.set()
        time.sleep(0.2)  # until `close` waits for this step
        read.append(trainer.step)

    trainer.train_step(IMAGES[:16], LABELS[:16], on_complete=slow)
    assert begun.wait(60)
    closing = threading.Thread(target=trainer.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    assert read == [1]
    assert trainer.closed


def test_a_trainer_dropped_by_its_own_callback_goes_quietly(backend: str) -> None:
    holder = [nets.trainer(backend)]
    ended = threading.Event()

    def callback(step: mpsnn.Step) -> None:
        holder.clear()
        ended.set()

    step = holder[0].train_step(IMAGES[:16], LABELS[:16], on_complete=callback)
    assert ended.wait(30)
    assert step.loss.shape == (16,)


def test_train_step_returns_at_once_and_waiting_lets_other_threads_run(backend: str) -> None:
    t, gate = nets.trainer(backend), threading.Event()
    t.train_step(IMAGES[:16], LABELS[:16], on_complete=lambda s: gate.wait(60))
    second = t.train_step(IMAGES[:16], LABELS[:16])  # queued behind the callback
    assert not second.done()
    threading.Timer(0.05, gate.set).start()  # cannot fire if wait() keeps the interpreter
    second.wait()
    assert gate.is_set()
    assert second.done()


def test_the_third_step_waits_until_the_first_has_ended(backend: str) -> None:
    t, gate, began = nets.trainer(backend), threading.Event(), time.perf_counter()
    t.train_step(IMAGES[:16], LABELS[:16]).wait()
    for _ in range(2):
        t.train_step(IMAGES[:16], LABELS[:16], on_complete=lambda s: gate.wait(60))
    threading.Timer(0.2, gate.set).start()
    # The first of the two has ended, so one place is free; the next must wait for the gate.
    t.train_step(IMAGES[:16], LABELS[:16])
    t.train_step(IMAGES[:16], LABELS[:16])
    assert gate.is_set()
    assert time.perf_counter() - began >= 0.2


def test_a_bad_batch_of_a_caller_that_waits_is_refused_to_that_caller(backend: str) -> None:
    t, gate = nets.trainer(backend), threading.Event()
    bad = IMAGES[:16].copy()
    bad[3, 0, 0, 0] = np.nan
    t.train_step(IMAGES[:16], LABELS[:16], on_complete=lambda s: gate.wait(60))
    t.train_step(IMAGES[:16], LABELS[:16])
    t.train_step(IMAGES[:16], LABELS[:16])
    errors: list[Exception] = []

    def step(images: np.ndarray) -> None:
        try:
            t.train_step(images, LABELS[:16])
        except Exception as e:  # noqa: BLE001 - shown by the assertion below
            errors.append(e)

    threads = [threading.Thread(target=step, args=(images,)) for images in (bad, IMAGES[:16], bad)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert [str(e) for e in errors] == ["images: image 3 of the batch has a value nan"] * 2
    t.train_step(IMAGES[:16], LABELS[:16]).wait()
    assert t.step == 5


def test_a_batch_may_change_as_soon_as_train_step_returns(backend: str) -> None:
    images, labels = nets.data(16 * 12)
    expected = nets.losses(nets.trainer(backend), images, labels, 12)
    t, batch, truth, steps = (
        nets.trainer(backend),
        np.empty_like(images[:16]),
        labels[:16].copy(),
        [],
    )
    for i in range(12):  # most of them wait for a place
        batch[:], truth[:] = images[16 * i :][:16], labels[16 * i :][:16]
        steps.append(t.train_step(batch, truth))
        batch[:], truth[:] = 1e9, 0
    np.testing.assert_array_equal([step.loss for step in steps], expected)


def test_images_need_no_alignment(backend: str) -> None:
    images, labels = nets.data(20)
    memory = bytearray(images.nbytes + 1)
    odd = np.frombuffer(memory, np.float32, images.size, offset=1).reshape(images.shape)
    odd[:] = images
    assert not odd.flags.aligned
    t = nets.trainer(backend)
    whole = t.infer(images)
    for n in (20, 16, 3):  # what lies at an even address is read in place, the other copied
        t.infer(np.zeros_like(images))
        np.testing.assert_array_equal(t.infer(odd[:n]), t.infer(images[:n]))
    np.testing.assert_array_equal(t.infer(odd), whole)
    expected = nets.losses(t, images, labels, 4)
    again = nets.trainer(backend)
    np.testing.assert_array_equal(nets.losses(again, odd, labels, 4), expected)


def run(code: str) -> subprocess.CompletedProcess[str]:
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )


TRAIN = """
import nets
images, labels = nets.data(64)
t = nets.trainer(None)
assert nets.losses(t, images, labels, 5).shape == (5, 16)
"""


def test_an_open_trainer_with_steps_in_flight_does_not_hang_the_exit() -> None:
    code = TRAIN + "for _ in range(4): t.train_step(images[:16], labels[:16], "
    done = run(code + "on_complete=print)\nprint('end')")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Step") == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_an_error_instead_of_a_deadlock() -> None:
    code = (
        TRAIN
        + """
import os, sys, warnings
warnings.simplefilter("ignore")
import threading
held, forked = threading.Event(), threading.Event()
hold = lambda step: (held.set(), forked.wait())
done = t.train_step(images[:16], labels[:16], on_complete=hold)
held.wait()
waiting = t.train_step(images[:16], labels[:16])  # behind the callback
pid = os.fork()
forked.set()
if pid == 0:
    print(done.loss.shape, flush=True)
    for call in (lambda: t.train_step(images[:16], labels[:16]), waiting.wait, lambda: waiting.loss):
        try:
            call()
        except Exception as e:
            print(type(e).__name__, e, flush=True)
    own = nets.trainer("reference")
    print(nets.losses(own, images, labels, 2).shape, flush=True)
    sys.exit(0)
_, status = os.waitpid(pid, 0)
sys.exit(status)
"""
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Error this process is a fork of the one that made the trainer") == 3
    assert "(16,)" in done.stdout
    assert "(2, 16)" in done.stdout


@pytest.mark.parametrize("order", ["before", "after"])
def test_pytorch_may_be_imported_before_or_after(order: str) -> None:
    if run("import torch").returncode != 0:
        pytest.skip("PyTorch is not installed")
    use = "import torch\nx = torch.nn.Conv2d(1, 4, 3)(torch.randn(2, 1, 8, 8)).sum().backward()\n"
    done = run(use + TRAIN + use if order == "before" else TRAIN + use + TRAIN)
    assert done.returncode == 0, done.stderr
