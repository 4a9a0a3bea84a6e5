from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import mpsnn
from mpsnn import files, io

MakeTrainer = Callable[..., mpsnn.Trainer]
Train = Callable[[mpsnn.Trainer, int], list[float]]
OPTIMIZERS = [
    mpsnn.SGD(0.1),
    mpsnn.SGD(0.1, momentum=0.9),
    mpsnn.SGD(0.1, momentum=0.9, nesterov=True),
    mpsnn.RMSProp(0.01),
    mpsnn.Adam(0.01),
]


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture
def saved(make_trainer: MakeTrainer, train: Train, tmp_path: Path) -> Path:
    """A checkpoint of a trained network."""
    path = tmp_path / "net.safetensors"
    with make_trainer() as trainer:
        train(trainer, 3)
        trainer.save(path)
    return path


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_resumed_run_goes_on_bit_for_bit(
    backend: str, make_trainer: MakeTrainer, train: Train, tmp_path: Path, optimizer: Any
) -> None:
    path = tmp_path / "net.safetensors"
    with make_trainer(backend, optimizer=optimizer, seed=5) as trainer:
        train(trainer, 3)
        trainer.learning_rate = 0.02
        trainer.save(path)
        rest, end = train(trainer, 4), trainer.state_dict()
    with make_trainer(backend, optimizer=optimizer, seed=6) as trainer:
        trainer.load(path)
        assert (trainer.step, trainer.seed) == (3, 5)
        assert trainer.learning_rate == np.float32(0.02)
        assert train(trainer, 4) == rest
        assert same(trainer.state_dict(), end)


def test_a_file_has_weights_statistics_optimizer_state_and_what_they_mean(saved: Path) -> None:
    tensors, metadata = io.read_file(saved)
    assert {"conv2d_1.weight", "batch_norm_1.running_var", "dense_2.bias"} <= tensors.keys()
    assert "conv2d_1.weight.first_moment" in tensors
    assert metadata["layout"] == "NHWC/OHWI"
    assert metadata["backend"] == "reference"
    assert metadata["step"] == "3"
    assert metadata["seed"] == "0"
    assert metadata["batch"] == "4"
    assert metadata["version"] == mpsnn.__version__
    assert metadata["optimizer"].startswith("Adam(learning_rate=0.001")
    assert same(tensors, load_file(saved)), "any safetensors reader can read it"


def test_every_backend_reads_the_files_of_the_others(
    backend: str, make_trainer: MakeTrainer, train: Train, tmp_path: Path, rng: np.random.Generator
) -> None:
    x = rng.normal(size=(5, 6, 6, 1)).astype(np.float32)
    with make_trainer(backend) as trainer:
        train(trainer, 2)
        trainer.save(tmp_path / "there")
        expected, state = trainer.infer(x), trainer.state_dict()
    with make_trainer("reference") as reference:
        reference.load(tmp_path / "there")
        # float32 kernels against float64 loops on the same weights.
        np.testing.assert_allclose(reference.infer(x), expected, rtol=1e-4, atol=1e-6)
        reference.save(tmp_path / "back")
    with make_trainer(backend) as trainer:
        trainer.load(tmp_path / "back")
        assert same(trainer.state_dict(), state)


def test_weights_alone_go_to_a_trainer_with_another_optimizer(
    make_trainer: MakeTrainer, saved: Path
) -> None:
    with make_trainer(optimizer=mpsnn.SGD(0.1), seed=9) as trainer:
        before = trainer.state_dict()
        with pytest.raises(
            mpsnn.CheckpointError,
            match=r"was saved with Adam\(.*this trainer uses SGD\(.*weights_only=True takes",
        ):
            trainer.load(saved)
        assert same(trainer.state_dict(), before)
        trainer.load(saved, weights_only=True)
        weights = io.read_file(saved)[0]
        assert all(np.array_equal(v, weights[k]) for k, v in trainer.state_dict().items())
        assert (trainer.step, trainer.seed) == (0, 9)
        assert trainer.learning_rate == np.float32(0.1)


def test_momentum_of_another_kind_is_refused(
    make_trainer: MakeTrainer, train: Train, tmp_path: Path
) -> None:
    with make_trainer(optimizer=mpsnn.SGD(0.1, 0.9)) as trainer:
        trainer.save(tmp_path / "net")
    with (
        make_trainer(optimizer=mpsnn.SGD(0.1, 0.9, nesterov=True)) as trainer,
        pytest.raises(mpsnn.CheckpointError, match=r"momentum=0.9\).*nesterov=True"),
    ):
        trainer.load(tmp_path / "net")


def test_plain_weights_load_only_when_asked_for_alone(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    path = tmp_path / "plain"
    with make_trainer(seed=1) as trainer:
        state = {name: v.astype(np.float32) for name, v in trainer.state_dict().items()}
    save_file(state, path)
    with make_trainer(seed=2) as trainer:
        with pytest.raises(mpsnn.CheckpointError, match="plain: is no mpsnn checkpoint"):
            trainer.load(path)
        trainer.load(path, weights_only=True)
        assert same(trainer.state_dict(), state)


def test_a_file_of_another_model_is_refused_with_every_difference(
    make_trainer: MakeTrainer, saved: Path
) -> None:
    with make_trainer(units=6) as trainer:
        before = trainer.state_dict()
        with pytest.raises(mpsnn.CheckpointError) as error:
            trainer.load(saved)
        assert same(trainer.state_dict(), before)
    assert str(saved) in str(error.value)
    assert "dense_1.weight must be (6, 72), got (5, 72)" in str(error.value)
    assert "dense_2.weight.second_moment must be (3, 6), got (3, 5)" in str(error.value)


@pytest.mark.parametrize("place", [0, 1, 9, 60, 200, 500, 900])
def test_a_damaged_byte_anywhere_is_noticed_and_changes_nothing(
    make_trainer: MakeTrainer, saved: Path, place: int
) -> None:
    data = bytearray(saved.read_bytes())
    data[place * len(data) // 1000 if place > 9 else place] ^= 0x04
    saved.write_bytes(data)
    with make_trainer(seed=3) as trainer:
        before = trainer.state_dict()
        with pytest.raises(mpsnn.CheckpointError, match=r"net.safetensors: "):
            trainer.load(saved)
        assert same(trainer.state_dict(), before)
        assert trainer.step == 0


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_an_error(make_trainer: MakeTrainer, saved: Path, kept: int) -> None:
    saved.write_bytes(saved.read_bytes()[:kept])
    with (
        make_trainer() as trainer,
        pytest.raises(
            mpsnn.CheckpointError, match=r"net.safetensors: is damaged or no safetensors file"
        ),
    ):
        trainer.load(saved)


def test_a_missing_file_is_an_os_error(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    with make_trainer() as trainer, pytest.raises(FileNotFoundError):
        trainer.load(tmp_path / "none")


def test_a_failed_save_leaves_the_old_file_and_no_other(
    make_trainer: MakeTrainer, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with make_trainer() as trainer, pytest.raises(OSError, match="No space left"):
        trainer.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_saving_into_a_folder_that_is_not_there_is_an_os_error(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    with make_trainer() as trainer, pytest.raises(FileNotFoundError):
        trainer.save(tmp_path / "none" / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name")
def test_saving_replaces_no_pipe_or_device(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with make_trainer() as trainer, pytest.raises(FileExistsError, match="is no regular file"):
        trainer.save(pipe)
    with pytest.raises(FileExistsError, match="is no regular file"):
        files.check_writable(pipe)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_number_is_no_path(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as file, make_trainer() as trainer:
        for call in (trainer.load, trainer.save):
            with pytest.raises(TypeError, match="PathLike"):
                call(file.fileno())  # type: ignore[arg-type]
        file.write(b"it is still open")


def test_saving_replaces_what_a_link_points_to(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with make_trainer() as trainer:
        trainer.save(link)
    assert link.is_symlink()
    assert io.read_metadata(target)["step"] == "0"


def test_a_state_dict_moves_weights_between_trainers(
    backend: str, make_trainer: MakeTrainer, train: Train
) -> None:
    with make_trainer(backend, seed=1) as one, make_trainer(backend, seed=2) as two:
        train(one, 2)
        state = one.state_dict()
        assert not any("moment" in name for name in state)
        assert not same(two.state_dict(), state)
        two.load_state_dict(state)
        assert same(two.state_dict(), state)
        state["dense_2.bias"][:] = 7
        assert not same(two.state_dict(), state), "a state dict is a copy"


def test_a_strict_load_lists_every_mistake_and_changes_nothing(make_trainer: MakeTrainer) -> None:
    with make_trainer() as trainer:
        before = trainer.state_dict()
        state: dict[str, Any] = {name: v + 1 for name, v in before.items()}
        del state["dense_1.bias"]
        state["extra"] = np.zeros(2, np.float32)
        state["dense_2.bias"] = np.zeros(4, np.float32)
        state["conv2d_1.bias"] = np.zeros(2, np.int64)
        state["batch_norm_1.beta"] = [0.0, 0.0]
        with pytest.raises(mpsnn.ShapeError) as error:
            trainer.load_state_dict(state)
        assert same(trainer.state_dict(), before)
    assert str(error.value) == (
        "state does not fit this model: missing dense_1.bias (5,); unexpected extra; "
        "batch_norm_1.beta must be a floating point array, got list; "
        "conv2d_1.bias must be a floating point array, got int64; "
        "dense_2.bias must be (3,), got (4,)"
    )


def test_a_lenient_load_takes_what_fits_by_name(make_trainer: MakeTrainer) -> None:
    with make_trainer() as trainer:
        before = trainer.state_dict()
        values = np.full(3, 2, np.float16)
        trainer.load_state_dict({"dense_2.bias": values, "extra": values}, strict=False)
        after = trainer.state_dict()
        np.testing.assert_array_equal(after.pop("dense_2.bias"), 2)
        before.pop("dense_2.bias")
        assert same(after, before)
        with pytest.raises(mpsnn.ShapeError, match=r"dense_2.bias must be \(3,\), got \(2,\)"):
            trainer.load_state_dict({"dense_2.bias": values[:2]}, strict=False)
