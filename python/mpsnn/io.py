"""Weights and checkpoints on disk: safetensors files, written whole or not at all.

A checkpoint holds every variable of a model under its own name, and as metadata (text):

    format          mpsnn checkpoint 1
    version         of mpsnn
    layout          NHWC/OHWI: images, convolution weights
    backend         that trained it
    batch, step, seed, learning_rate, optimizer, optimizer_state
    submitted       where there is a schedule: the steps that it has counted
    loss_scale      where it is dynamic: its value, and the steps completed when it last changed
    kinds           JSON: parameter, statistic or optimizer, by name
    checksum        CRC-32 of all of the above and of every tensor
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Mapping
from importlib.metadata import version
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors import numpy as safetensors

from mpsnn import _core, files
from mpsnn._core import Error, ShapeError
from mpsnn.optim import Optimizer

Array: TypeAlias = NDArray[Any]
AnyPath: TypeAlias = str | PathLike[str]

FORMAT = "mpsnn checkpoint 1"
LAYOUT = "NHWC/OHWI"
MODEL = ("parameter", "statistic")
EVERYTHING = ("parameter", "statistic", "optimizer")


class CheckpointError(Error, ValueError):
    """A file that is damaged, or of something else; the message says which and why."""


# ---- variables of a session ---------------------------------------------------


def read_variables(
    session: _core.Session, kinds: Collection[str]
) -> tuple[_core.Progress, dict[str, Array]]:
    """The progress, and copies of the variables of these kinds then, in the device's dtype."""
    names = [name for name, _, _, kind in session.variables() if kind in kinds]
    progress, arrays = session.read(names)
    return progress, {name: arrays[name] for name in names}


def write_variables(
    session: _core.Session,
    values: Mapping[str, Array],
    kinds: Collection[str],
    *,
    strict: bool = True,
    progress: _core.Progress | None = None,
) -> None:
    """Replace the variables of these kinds and, if given, the progress.

    Raises:
        ShapeError: Listing every mistake in `values`. Nothing has changed then.
    """
    mistakes = differences(session, values, kinds, strict=strict)
    if mistakes:
        raise ShapeError("state does not fit this model: " + "; ".join(mistakes))
    chosen = [n for n, _, _, kind in session.variables() if kind in kinds and n in values]
    session.write({name: _writable(values[name]) for name in chosen}, progress)


def differences(
    session: _core.Session, values: Mapping[str, Array], kinds: Collection[str], *, strict: bool
) -> list[str]:
    """What is wrong with `values` as the variables of these kinds, a phrase for each."""
    expected = {name: shape for name, shape, _, kind in session.variables() if kind in kinds}
    mistakes = []
    if strict:
        missing = sorted(expected.keys() - values.keys())
        mistakes += [f"missing {name} {tuple(expected[name])}" for name in missing]
        mistakes += [f"unexpected {name}" for name in sorted(values.keys() - expected.keys())]
    for name in sorted(expected.keys() & values.keys()):
        value = values[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            what = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            mistakes.append(f"{name} must be a floating point array, got {what}")
        elif value.shape != tuple(expected[name]):
            mistakes.append(f"{name} must be {tuple(expected[name])}, got {value.shape}")
    return mistakes


def _writable(value: Array) -> Array:
    dtype = value.dtype if value.dtype in (np.float32, np.float64) else np.dtype(np.float32)
    return np.asarray(value, dtype, order="C")


# ---- checkpoints ----------------------------------------------------------------


def save_checkpoint(
    path: AnyPath, trainer: _core.Trainer, optimizer: Optimizer, submitted: int | None
) -> None:
    """Write what `trainer` needs to go on. See `Trainer.save`.

    Args:
        path: Of the file.
        trainer: What is saved.
        optimizer: That of the trainer.
        submitted: Steps that a schedule has counted; None without one.
    """
    session = trainer.session
    progress, tensors = read_variables(session, EVERYTHING)
    metadata = {
        "format": FORMAT,
        "version": version("mpsnn"),
        "layout": LAYOUT,
        "backend": trainer.backend,
        "batch": str(trainer.batch),
        "step": str(progress.step),
        "seed": str(progress.seed),
        "learning_rate": repr(float(trainer.learning_rate)),
        "optimizer": repr(optimizer),
        "optimizer_state": optimizer.state,
        "kinds": json.dumps({name: kind for name, _, _, kind in session.variables()}),
    }
    if submitted is not None:
        metadata["submitted"] = str(submitted)
    scale = progress.scale
    if scale.growth_interval:
        metadata["loss_scale"] = f"{scale.value!r} {scale.since}"
    metadata["checksum"] = checksum(tensors, metadata)
    files.write(path, safetensors.save(tensors, metadata))


def load_checkpoint(
    path: AnyPath, trainer: _core.Trainer, optimizer: Optimizer, *, weights_only: bool
) -> int | None:
    """Continue from a checkpoint. See `Trainer.load`.

    Returns:
        How many steps a schedule had counted, if there was one.
    """
    tensors, metadata = read_file(path)
    if "format" in metadata or not weights_only:
        progress = _progress(path, metadata)
        _verify(path, tensors, metadata)
    session, kinds = trainer.session, MODEL if weights_only else EVERYTHING
    if weights_only:
        theirs = json.loads(metadata["kinds"]) if "format" in metadata else {}
        tensors = {name: v for name, v in tensors.items() if theirs.get(name) != "optimizer"}
    elif metadata.get("optimizer_state") != optimizer.state:
        raise CheckpointError(
            f"{os.fspath(path)}: was saved with {metadata.get('optimizer')}, this trainer uses "
            f"{optimizer!r}; weights_only=True takes the weights alone"
        )
    mistakes = differences(session, tensors, kinds, strict=True)
    if mistakes:
        raise CheckpointError(f"{os.fspath(path)}: is of another model: " + "; ".join(mistakes))
    if weights_only:
        write_variables(session, tensors, kinds)
        return None
    reached, learning_rate, submitted = progress
    write_variables(session, tensors, kinds, progress=reached)
    trainer.learning_rate = learning_rate
    return submitted


def read_metadata(path: AnyPath) -> dict[str, str]:
    """The metadata of a checkpoint, without its tensors.

    Raises:
        OSError: If the file cannot be read.
        CheckpointError: If it is no mpsnn checkpoint.
    """
    _, metadata = read_file(path, tensors=False)
    _progress(path, metadata)
    return metadata


def _progress(
    path: AnyPath, metadata: Mapping[str, str]
) -> tuple[_core.Progress, float, int | None]:
    """Progress, learning rate and what a schedule counted, of a checkpoint of this format."""
    found = metadata.get("format")
    if found is None:
        raise CheckpointError(
            f"{os.fspath(path)}: is no mpsnn checkpoint (no format in its metadata); "
            "weights_only=True takes its weights"
        )
    if found != FORMAT:
        raise CheckpointError(f"{os.fspath(path)}: has format {found!r}, this is {FORMAT!r}")
    try:
        scale = _core.LossScale()
        if "loss_scale" in metadata:
            value, since = metadata["loss_scale"].split()
            if not 0 < float(value) < np.inf:
                raise ValueError(f"loss_scale is {value}")
            scale = _core.LossScale(float(value), growth_interval=1, since=int(since))
        step, seed = int(metadata["step"]), int(metadata["seed"])
        submitted = int(metadata["submitted"]) if "submitted" in metadata else None
        return _core.Progress(step, seed, scale), float(metadata["learning_rate"]), submitted
    except (KeyError, ValueError, TypeError) as reason:
        raise CheckpointError(f"{os.fspath(path)}: metadata is damaged: {reason}") from reason


def _verify(path: AnyPath, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    if metadata.get("checksum") != checksum(tensors, metadata):
        raise CheckpointError(f"{os.fspath(path)}: is damaged: its checksum does not match")


def checksum(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """CRC-32 over names, metadata and bytes, as hexadecimal digits."""
    text = json.dumps(sorted(item for item in metadata.items() if item[0] != "checksum"))
    crc = zlib.crc32(text.encode())
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(tensors[name]).view(np.uint8).data, crc)
    return f"{crc:08x}"


# ---- files ------------------------------------------------------------------------


def read_file(path: AnyPath, tensors: bool = True) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors, if wanted, and metadata of a safetensors file.

    Raises:
        OSError: If the file cannot be read.
        CheckpointError: If it is no whole safetensors file.
    """
    with open(os.fspath(path), "rb"):  # so that a missing file is an OSError
        pass
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys() if tensors else ()
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, TypeError, AttributeError) as reason:  # the last: bfloat16
        raise CheckpointError(
            f"{os.fspath(path)}: is damaged or no safetensors file: {reason}"
        ) from reason
