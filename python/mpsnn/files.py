"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
from os import PathLike


def write(path: str | PathLike[str], data: bytes) -> None:
    """Replace `path` by a file with this content, on disk when it returns.

    Writes a temporary file beside it, and renames that; a failure leaves what was there.

    Raises:
        OSError: If it cannot be written.
    """
    target = _target(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _target(path: str | PathLike[str]) -> str:
    """The file that is to be replaced. A device or a pipe must not be."""
    target = os.path.realpath(os.fspath(path))
    if os.path.isdir(target):
        raise IsADirectoryError(f"{target} is a folder")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileExistsError(f"{target} is there and is no regular file")
    return target


def check_writable(path: str | PathLike[str]) -> None:
    """Find out now whether `write` could write `path`; changes nothing.

    Raises:
        OSError: If it could not.
    """
    target = _target(path)
    folder, name = os.path.split(target)
    probe = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    with open(probe, "xb"):
        pass
    os.unlink(probe)
