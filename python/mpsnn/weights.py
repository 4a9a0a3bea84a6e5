"""The weights of a trainer, in memory and in files."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from mpsnn import _core, io
from mpsnn.binding import Array
from mpsnn.optim import Optimizer
from mpsnn.rate import Rate


class Weights:
    """What has weights on a device. The base of `Trainer`."""

    _core: _core.Trainer
    _rate: Rate
    optimizer: Optimizer

    def state_dict(self) -> dict[str, Array]:
        """Copies of every parameter and running statistic, by name.

        In the device's dtype: float32, or float64 on the reference backend.
        """
        return io.read_variables(self._core.session, io.MODEL)[1]

    def load_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> None:
        """Replace parameters and running statistics; optimizer state stays.

        Args:
            state: Floating point arrays by name, as from `state_dict`.
            strict: Whether names that are missing or unknown are an error.

        Raises:
            ShapeError: Listing every missing or unknown name and every wrong shape or
                dtype. Nothing has changed then.
            TypeError: If `state` is no mapping.
        """
        if not isinstance(state, Mapping):
            kind = type(state).__name__
            raise TypeError(f"load_state_dict: state must map names to arrays, got {kind}")
        io.write_variables(self._core.session, state, io.MODEL, strict=strict)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything that training needs to go on, as safetensors, atomically.

        Waits for the steps submitted so far. A file that is already there is replaced
        whole or not at all.

        Raises:
            OSError: If the file cannot be written.
        """
        io.save_checkpoint(path, self._core, self.optimizer, self._rate.submitted)

    def load(self, path: str | PathLike[str], *, weights_only: bool = False) -> None:
        """Continue from a file that `save` wrote, bit for bit on the same backend.

        Restores weights, running statistics, optimizer state, step, seed and learning rate.

        Args:
            path: Of the file.
            weights_only: Take parameters and statistics alone, of any safetensors file
                that has them under the same names.

        Raises:
            OSError: If the file cannot be read.
            CheckpointError: If it is damaged, of another model or of another optimizer.
                Nothing has changed then.
        """
        submitted = io.load_checkpoint(path, self._core, self.optimizer, weights_only=weights_only)
        if not weights_only:
            self._rate.resume(submitted)
