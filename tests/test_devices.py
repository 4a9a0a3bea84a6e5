"""Devices: what trainers and predictors make of the one that a user chooses."""

from __future__ import annotations

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Predictor, ShapeError


def test_a_trainer_runs_on_the_device_that_it_is_given(backend: str) -> None:
    images, labels = nets.data(16)
    expected = nets.trainer(backend).train_step(images, labels).loss
    own = [device for device in mpsnn.devices() if device.backend == backend]
    assert own
    for device in own:
        trainer = nets.trainer(None, device=device)
        assert trainer.backend == backend
        np.testing.assert_array_equal(trainer.train_step(images, labels).loss, expected)


def test_a_predictor_runs_on_the_device_that_it_is_given(backend: str) -> None:
    _, y = nets.small()
    device = next(device for device in mpsnn.devices() if device.backend == backend)
    assert Predictor(y, device=device).backend == backend


def test_a_device_of_another_backend_is_refused() -> None:
    device = mpsnn.devices()[-1]
    _, y = nets.small()
    with pytest.raises(ShapeError, match=r"device is Device\(backend='reference'.* none of .*cpu"):
        nets.trainer("cpu", device=device)
    with pytest.raises(ShapeError, match=r"device is Device\(backend='reference'.* none of .*cpu"):
        Predictor(y, backend="cpu", device=device)
    with pytest.raises(ShapeError, match="device cannot be chosen for weights that are on one"):
        Predictor(y, weights=nets.trainer("reference"), device=device)


def test_only_devices_are_devices() -> None:
    with pytest.raises(TypeError, match=r"trainer: device must be one of devices\(\), got 'gpu'"):
        nets.trainer("reference", device="gpu")
