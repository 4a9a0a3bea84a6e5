"""The convolution of a sequence, as a method of a graph."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Literal

from mpsnn import arguments
from mpsnn._core import ShapeError
from mpsnn.values import Value
from mpsnn.vocabulary.convolution import Accumulator, Convolution
from mpsnn.vocabulary.layout import Layout

Padding1d = Literal["same", "valid"] | int | tuple[int, int]
"""Zeros around a sequence: a rule, one number for both ends, or (before, after)."""


class Convolution1d(Convolution, Layout):
    """conv1d, made of conv2d on images of one row."""

    def conv1d(
        self,
        x: Value,
        weight: Value,
        bias: Value | None = None,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "same",
        groups: int = 1,
        accumulator: Accumulator = "single",
        name: str | None = None,
    ) -> Value:
        """1-D cross-correlation, (T, C) to (T', O): `conv2d` of an image with one row.

        Args:
            x: Sequence, (T, C).
            weight: (O, K, C / groups).
            bias: Added to each output channel, (O,).
            stride: Step of the kernel.
            dilation: Distance of the kernel's taps.
            padding: "same" gives T' = ceil(T / stride); "valid" has none; or the number of
                zeros at each end, or (before, after).
            groups: Slices of channels that do not see each other.
            accumulator: As in `conv2d`.
            name: Of its nodes.

        Raises:
            ShapeError: If the channels disagree or the kernel does not fit.
        """
        count = arguments.integer("conv1d", "groups", groups, 1)
        options = {
            "stride": (1, arguments.integer("conv1d", "stride", stride, 1)),
            "dilation": (1, arguments.integer("conv1d", "dilation", dilation, 1)),
            "padding": sides_of("conv1d", padding),
            "groups": count,
            "accumulator": accumulator,
        }
        self._check_conv1d(x, weight, bias, count)
        # Tried on a graph of its own first: a refused conv2d leaves no reshapes behind.
        trial = type(self)()
        trial._conv1d(
            "trial",
            options,
            trial.input(*x.shape),
            trial.parameter(*weight.shape),
            None if bias is None else trial.parameter(*bias.shape),
        )
        with nullcontext(name) if name is not None else self.naming("conv1d") as label:
            return self._conv1d(label, options, x, weight, bias)

    def _conv1d(
        self, name: str, options: dict[str, Any], x: Value, weight: Value, bias: Value | None
    ) -> Value:
        length, channels = x.shape
        outputs, kernel, read = weight.shape
        image = self.reshape(x, 1, length, channels, name=name)
        filters = self.reshape(weight, outputs, 1, kernel, read, name=name)
        y = self.conv2d(image, filters, bias, name=name, **options)
        return self.reshape(y, *y.shape[1:], name=name)

    def _check_conv1d(self, x: Value, weight: Value, bias: Value | None, groups: int) -> None:
        given = {"x": x, "weight": weight} | ({} if bias is None else {"bias": bias})
        for argument, value in given.items():
            batched = self.core.batched(self.check("conv1d", argument, value))
            if value.dtype != "float32":
                raise ShapeError(f"conv1d: {argument} must be float32, got {value.dtype}")
            if batched != (argument == "x"):
                have = "must have a batch axis" if argument == "x" else "must have no batch axis"
                raise ShapeError(f"conv1d: {argument} {value.shape} {have}")
        if len(x.shape) != 2:
            raise ShapeError(f"conv1d: x must be a sequence (T, C), got {x.shape}")
        if len(weight.shape) != 3:
            raise ShapeError(f"conv1d: weight must be (O, K, C / groups), got {weight.shape}")
        if x.shape[1] % groups or weight.shape[0] % groups:
            raise ShapeError(
                f"conv1d: groups must divide the channels of x {x.shape} and the outputs of "
                f"weight {weight.shape}, got {groups}"
            )
        if weight.shape[2] != x.shape[1] // groups:
            raise ShapeError(
                f"conv1d: weight {weight.shape} must read C / groups = {x.shape[1] // groups} "
                f"channels of x {x.shape}, got {weight.shape[2]}"
            )
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ShapeError(
                f"conv1d: bias must be {weight.shape[:1]} for weight {weight.shape}, got {bias.shape}"
            )


def sides_of(op: str, value: Padding1d) -> arguments.Sides:
    """The padding of a sequence as that of an image with one row."""
    if isinstance(value, str):
        return arguments.padding(op, value)
    ends = value if isinstance(value, tuple | list) else (value, value)
    if len(ends) != 2:
        raise ShapeError(f"{op}: padding must be one integer or (before, after), got {value!r}")
    before, after = (arguments.integer(op, "padding", end) for end in ends)
    return 0, 0, before, after
