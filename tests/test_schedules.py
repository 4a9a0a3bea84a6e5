"""Learning rates that change while training."""

from __future__ import annotations

import math
import time

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import ShapeError, schedules


def test_the_schedules_follow_their_formulas() -> None:
    assert [schedules.Constant(0.5)(t) for t in (0, 9)] == [0.5, 0.5]
    step = schedules.StepDecay(1.0, every=3, factor=0.5)
    assert [step(t) for t in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    cosine = schedules.CosineDecay(2.0, steps=4, final=1.0)
    expected = [2, 1.5 + math.sqrt(0.125), 1.5, 1.5 - math.sqrt(0.125), 1, 1]
    assert [cosine(t) for t in range(6)] == pytest.approx(expected)
    warm = schedules.WarmUp(step, steps=3)
    assert [warm(t) for t in range(8)] == [0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5]


def test_one_cycle_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=20)
    ours = schedules.OneCycle(0.3, steps=20)
    for t in range(20):
        assert ours(t) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9), t
        optimizer.step()
        if t < 19:
            theirs.step()
    assert ours(25) == ours(19)


def rates_of(trainer: mpsnn.Trainer, steps: int) -> list[float]:
    images, labels = nets.data(16)
    rates = []
    for _ in range(steps):
        rates.append(trainer.learning_rate)
        trainer.train_step(images, labels)
    trainer.wait()
    return rates


def test_a_schedule_gives_the_rate_of_every_step(backend: str) -> None:
    """The same weights as with the rates set by hand, one step at a time."""
    schedule = schedules.StepDecay(0.1, every=2, factor=0.1)
    images, labels = nets.data(16)
    scheduled = nets.trainer(backend, optimizer=mpsnn.SGD(schedule))
    by_hand = nets.trainer(backend, optimizer=mpsnn.SGD(1.0))
    assert rates_of(scheduled, 5) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    for t in range(5):
        by_hand.learning_rate = schedule(t)
        by_hand.train_step(images, labels)
    for name, value in by_hand.state_dict().items():
        np.testing.assert_array_equal(scheduled.state_dict()[name], value)


def test_any_function_is_a_schedule_and_setting_the_rate_ends_it() -> None:
    trainer = nets.trainer(None, optimizer=mpsnn.Adam(lambda t: 0.1 / (t + 1)))
    assert rates_of(trainer, 3) == pytest.approx([0.1, 0.05, 0.1 / 3])
    trainer.learning_rate = 0.5
    assert rates_of(trainer, 2) == [0.5, 0.5]


def test_a_schedule_counts_updates_when_gradients_are_accumulated() -> None:
    trainer = nets.trainer(None, optimizer=mpsnn.SGD(lambda t: float(t)), accumulate=2)
    assert rates_of(trainer, 5) == [0, 0, 1, 1, 2]


def test_a_resumed_run_goes_on_with_its_schedule(tmp_path) -> None:
    def make() -> mpsnn.Trainer:
        return nets.trainer(None, optimizer=mpsnn.SGD(lambda t: float(t)))

    first, second = make(), make()
    rates_of(first, 3)
    first.save(tmp_path / "run")
    second.load(tmp_path / "run")
    assert rates_of(second, 2) == [3, 4]


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_steps_that_fail_count_for_the_schedule_of_a_resumed_run_too(backend, tmp_path) -> None:
    trainers = [nets.trainer(backend, optimizer=mpsnn.SGD(lambda t: 0.1 * 0.5**t)) for _ in "ab"]
    images, labels = nets.data(16)
    whole, resumed = trainers
    whole.train_step(images, labels)
    with pytest.raises(mpsnn.NumericError):
        whole.train_step(images, labels, np.full(16, np.nan, np.float32)).wait()
    whole.save(tmp_path / "run")
    resumed.load(tmp_path / "run")
    assert (resumed.step, resumed.learning_rate) == (1, 0.1 * 0.25)
    for trainer in trainers:
        trainer.train_step(images, labels)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], value)


def test_a_schedule_cannot_use_its_own_trainer() -> None:
    calls = [
        lambda: trainer.train_step(*nets.data(16)),
        lambda: trainer.learning_rate,
        lambda: setattr(trainer, "learning_rate", 0.5),
    ]
    trainer = nets.trainer(None, optimizer=mpsnn.SGD(lambda t: calls[t]()))
    for _ in calls:
        with pytest.raises(mpsnn.Error, match="a schedule cannot use the trainer that asks it"):
            trainer.train_step(*nets.data(16))
        del calls[0]
    assert trainer.step == 0


def test_a_callback_may_end_a_schedule_while_the_next_steps_wait() -> None:
    trainer = nets.trainer(None, optimizer=mpsnn.SGD(lambda t: 0.1))
    images, labels = nets.data(16)

    def end(step: mpsnn.Step) -> None:
        time.sleep(0.05)  # the caller waits for a place meanwhile
        trainer.learning_rate = 0.5

    for _ in range(5):
        trainer.train_step(images, labels, on_complete=end)
    trainer.wait()
    assert trainer.learning_rate == 0.5


@pytest.mark.parametrize("value", [math.nan, -1.0, "fast"])
def test_a_bad_rate_is_refused_and_changes_nothing(value) -> None:
    trainer = nets.trainer(None, optimizer=mpsnn.SGD(lambda t: value if t == 1 else 0.1))
    images, labels = nets.data(16)
    trainer.train_step(images, labels).wait()
    before = trainer.state_dict()
    with pytest.raises((ShapeError, TypeError), match="schedule: learning rate of update 1 must"):
        trainer.train_step(images, labels)
    assert trainer.step == 1
    for name, old in before.items():
        np.testing.assert_array_equal(trainer.state_dict()[name], old)


def test_the_numbers_of_a_schedule_are_checked() -> None:
    for make in (
        lambda: schedules.Constant(-1),
        lambda: schedules.StepDecay(1, every=0),
        lambda: schedules.CosineDecay(1, steps=0),
        lambda: schedules.WarmUp(-1.0, 3),
        lambda: schedules.OneCycle(1, 10, rise=1.0),
    ):
        with pytest.raises(ShapeError):
            make()
