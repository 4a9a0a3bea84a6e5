"""What a graph reads: images, labels and parameters. The first half of `Graph`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from mpsnn import _core, arguments, sources
from mpsnn._core import ops
from mpsnn.sources import DataSource
from mpsnn.values import Nodes, Value


class Inputs(Nodes):
    """A graph that can be given data."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.inputs: list[Value] = []
        self.input_dtypes: dict[Value, str] = {}
        self.label_inputs: list[Value] = []
        self._dropouts = 0

    def input(
        self,
        *shape: int,
        dtype: Literal["float32", "uint8", "int32"] = "float32",
        scale: float = 1.0,
        offset: float = 0.0,
        name: str | None = None,
    ) -> Value:
        """Data bound at every run, an array (N, *shape); y = x * scale + offset.

        Args:
            shape: Of one image, for example 28, 28, 1.
            dtype: Of the bound array; "int32" takes any integers that fit. The value itself is
                float32.
            scale: Applied on the device, for example 1 / 255 for uint8 images.
            offset: Added after scaling.
            name: The key of this input where a graph has several.

        Raises:
            ShapeError: If a number is not accepted, or the name is taken.
        """
        arguments.choice("input", "dtype", dtype, ("float32", "uint8", "int32"))
        extents = arguments.shape("input", "shape", shape)
        factor = arguments.real("input", "scale", scale)
        shift = arguments.real("input", "offset", offset)
        with self.naming("input", name) as label:
            value = self._add("input", ops.Input(extents, dtype, factor, shift), label)
        self.inputs.append(value)
        self.input_dtypes[value] = dtype
        return value

    def labels(
        self,
        *shape: int,
        weights: Literal["image", "element"] = "image",
        name: str | None = None,
    ) -> Value:
        """The ground truth, bound at every run, with weights: its state "weights".

        Bound as float32 (N, *shape), or as class indices, integers (N, *shape[:-1]): the last
        axis is then 1 at the class and 0 elsewhere.

        Args:
            shape: Of one image's truth: classes, or H, W, classes, or as what it is compared to.
            weights: Whether the loss is weighed per image, float32 (N,), or per element,
                float32 (N, *shape). Not bound, they are 1.
            name: The key of these labels where a graph has several.

        Raises:
            ShapeError: If a number is not accepted, or the name is taken.
        """
        arguments.choice("labels", "weights", weights, ("image", "element"))
        extents = arguments.shape("labels", "shape", shape)
        with self.naming("labels", name) as label:
            value = self._add("labels", ops.Labels(extents, weights == "element"), label)
        self.label_inputs.append(value)
        return value

    def parameter(
        self,
        *shape: int,
        source: DataSource | None = None,
        tensor: str = "weight",
        trainable: bool = True,
        name: str | None = None,
    ) -> Value:
        """Values that live on the device and, if `trainable`, are learned.

        Args:
            shape: (O, K.h, K.w, C / groups) for conv2d, (O, size of x) for dense.
            source: Where the first values come from. None: zeros.
            tensor: What the source calls them.
            trainable: Whether training changes them.
            name: Under which they are saved.

        Raises:
            ShapeError: If an extent is not positive, or the name is taken.
        """
        lender = _lender("parameter", source)
        return self._parameter(lender, tensor, shape, trainable, name)

    def parameters(
        self,
        source: DataSource | None,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        name: str,
        frozen: Collection[str] = (),
    ) -> dict[str, Value]:
        """Every parameter of one op, lent by one source in one `load`.

        Args:
            source: Serves every tensor of `shapes`. None: zeros.
            shapes: Of each tensor, by its name, for example weight and bias.
            name: Of the op; the parameters are called `name`.weight and so on.
            frozen: Tensors that training does not change.

        Raises:
            ShapeError: If an extent is not positive, or a name is taken.
        """
        lender = _lender("parameters", source)
        return {
            tensor: self._parameter(lender, tensor, shape, tensor not in frozen, f"{name}.{tensor}")
            for tensor, shape in shapes.items()
        }

    def _parameter(
        self,
        source: _core.Source | None,
        tensor: str,
        shape: tuple[int, ...],
        trainable: bool,
        name: str | None,
    ) -> Value:
        extents = arguments.shape("parameter", "shape", shape)
        if not isinstance(tensor, str):
            raise TypeError(f"parameter: tensor must be text, got {tensor!r}")
        with self.naming("parameter", name) as label:
            return self._add(
                "parameter", ops.Parameter(extents, bool(trainable), source, tensor), label
            )


def _lender(op: str, source: DataSource | None) -> _core.Source | None:
    sources.check(op, source)
    return None if source is None else _core.Source(source)
