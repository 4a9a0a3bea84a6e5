"""Where the first values of parameters come from.

The engine asks a source for the weights of one op just before it copies them to the
device (`load`) and releases them right after (`purge`), so that the weights of only one
op need be in host memory at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from mpsnn import arguments, initializers
from mpsnn._core import Error, ShapeError
from mpsnn.initializers import GLOROT_UNIFORM, ZERO, Initializer

Array: TypeAlias = NDArray[np.float32]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class DataSource(ABC):
    """Lends the weights of one op, and may have an update rule of its own.

    A subclass that also defines

        def update(self, gradient, source): ...

    replaces the trainer's optimizer for its op. `update` is called on the engine's thread
    after every step, with two mappings from tensor name to array, in the device's dtype
    (float64 on the reference backend): the gradient of the mean loss, and the current
    values. It returns the new values of every tensor, or None to leave them. What it
    raises surfaces from the step's `wait()`. It must not call the trainer.
    """

    @abstractmethod
    def load(self, shapes: Shapes) -> Mapping[str, Array]:
        """Return every tensor named in `shapes`, float32, C-contiguous, of that shape.

        Args:
            shapes: Of each tensor by its name, such as {"weight": (32, 5, 5, 1)}. A weight
                is (O, K.h, K.w, C / groups) for conv2d, (O, size of x) for dense.

        The arrays must stay as they are until `purge`.
        """

    def purge(self) -> None:  # noqa: B027  (to have nothing to release is normal)
        """Release what `load` made. Called once for each `load`, also when copying failed."""


def check(op: str, source: DataSource | None) -> None:
    """That it is one, and no class of them, or None.

    Raises:
        TypeError: Naming op and argument, if it is none.
    """
    if source is not None and not isinstance(source, DataSource):
        raise TypeError(f"{op}: source must be a DataSource, got {source!r}")


class ArraySource(DataSource):
    """Lends arrays that are already in memory.

    Args:
        arrays: float32, C-contiguous, by tensor name: `ArraySource(weight=w, bias=b)`.
            They are neither copied nor changed.

    Raises:
        ShapeError: If an array has another dtype or layout.
    """

    def __init__(self, **arrays: Array) -> None:
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{name}: must be a numpy array, got {type(array).__name__}")
            if array.dtype != np.float32 or not array.flags.c_contiguous:
                layout = "" if array.flags.c_contiguous else " that is not C-contiguous"
                raise ShapeError(
                    f"{name}: must be C-contiguous float32, got {array.dtype}{layout}; "
                    "use numpy.ascontiguousarray(array, numpy.float32)"
                )
        self._arrays = arrays

    def load(self, shapes: Shapes) -> dict[str, Array]:
        """Return the arrays.

        Raises:
            ShapeError: If one is missing or has another shape.
        """
        for name, shape in shapes.items():
            if name not in self._arrays:
                have = ", ".join(self._arrays) or "none"
                raise ShapeError(f"ArraySource: no array for {name} {shape}; it has {have}")
            if self._arrays[name].shape != tuple(shape):
                raise ShapeError(
                    f"ArraySource: {name} must be {tuple(shape)}, got {self._arrays[name].shape}"
                )
        return {name: self._arrays[name] for name in shapes}


class InitializerSource(DataSource):
    """Draws the first weights of one op.

    Every tensor has a random stream of its own, derived from `seed`, `name` and the
    tensor's name (numpy's SeedSequence), so that weights do not depend on what else is in
    the graph or in which order it is loaded. Each `load` gives the same values.

    Args:
        seed: 0 to 2**64 - 1.
        name: Of the op, unlike that of others.
        weight: Initialiser of the tensor called weight.
        bias: Initialiser of the tensor called bias.
        others: Of tensors with other names.

    Raises:
        TypeError: If one of them is no initialiser.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        name: str = "",
        weight: Initializer = GLOROT_UNIFORM,
        bias: Initializer = ZERO,
        **others: Initializer,
    ) -> None:
        self._seed = arguments.seed(seed)
        self._name = name
        self._initializers = {"weight": weight, "bias": bias, **others}
        for tensor, initializer in self._initializers.items():
            initializers.check("InitializerSource", tensor, initializer)

    def load(self, shapes: Shapes) -> dict[str, Array]:
        """Draw the tensors.

        Raises:
            ShapeError: If there is no initialiser for one.
        """
        return {name: self._draw(name, tuple(shape)) for name, shape in shapes.items()}

    def _draw(self, tensor: str, shape: tuple[int, ...]) -> Array:
        if tensor not in self._initializers:
            have = ", ".join(self._initializers)
            raise ShapeError(f"InitializerSource: none for {tensor} {shape}; it has {have}")
        stream = f"{self._name}.{tensor}".encode()
        rng = np.random.default_rng([self._seed, *stream])
        return np.ascontiguousarray(self._initializers[tensor](shape, rng), np.float32)


class FileSource(DataSource):
    """Reads the weights of one op from a safetensors file, when they are asked for.

    Args:
        path: Of the file. It is opened by each `load` and not kept open.
        prefix: Of the op's tensors: with "conv2d_1" its weight is "conv2d_1.weight".

    float16 and float64 tensors are converted to float32.
    """

    def __init__(self, path: str | Path, prefix: str) -> None:
        self._path = Path(path)
        self._prefix = prefix

    def load(self, shapes: Shapes) -> dict[str, Array]:
        """Read the tensors.

        Raises:
            OSError: If the file cannot be opened.
            ShapeError: If a tensor is missing or has another shape or kind.
            Error: If it is no safetensors file.
        """
        try:
            with safe_open(self._path, framework="numpy") as file:
                names = set(file.keys())
                return {name: self._read(file, names, name, shapes[name]) for name in shapes}
        except SafetensorError as reason:
            raise Error(f"{self._path}: not a safetensors file: {reason}") from reason

    def _read(self, file: Any, names: set[str], tensor: str, shape: tuple[int, ...]) -> Array:
        full = f"{self._prefix}.{tensor}" if self._prefix else tensor
        if full not in names:
            raise ShapeError(f"{self._path}: no tensor {full!r}")
        found = tuple(file.get_slice(full).get_shape())
        if found != tuple(shape):
            raise ShapeError(f"{self._path}: {full} must be {tuple(shape)}, got {found}")
        values: NDArray[np.generic] = file.get_tensor(full)
        if values.dtype.kind != "f":
            raise ShapeError(f"{self._path}: {full} must be floating point, got {values.dtype}")
        return np.ascontiguousarray(values, np.float32)
