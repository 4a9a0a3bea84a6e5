"""
The op vocabulary: one class per op, holding its attributes.
"""
from __future__ import annotations
import collections.abc
import mpsnn._core
import typing
__all__: list[str] = ['Accumulate', 'Adam', 'Add', 'Arithmetic', 'AvgPool2d', 'BatchNorm', 'BatchReduce', 'Cast', 'CheckGradients', 'ClipScale', 'Concat', 'Conv2d', 'ConvTranspose2d', 'CropAndResize', 'CrossChannelNorm', 'Dense', 'Dropout', 'FoldBatchNorm', 'GramMatrix', 'GridSample', 'GroupNorm', 'Gru', 'HostUpdate', 'InitialGradient', 'Input', 'L2Pool2d', 'Labels', 'LayerNorm', 'LocalContrastNorm', 'LogSoftmax', 'Loss', 'Lstm', 'MatMul', 'MaxPool2d', 'Mgu', 'Neuron', 'PRelu', 'Pad', 'Parameter', 'PrepareGradient', 'Reduce', 'Reshape', 'Resize', 'RmsProp', 'Rnn', 'Running', 'Scalar', 'Sgd', 'Slice', 'Softmax', 'SpatialNorm', 'State', 'StopGradient', 'Transpose', 'YoloLoss']
class Input:
    def __init__(self, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], dtype: str, scale: typing.SupportsFloat | typing.SupportsIndex, offset: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Labels:
    def __init__(self, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], element_weights: bool) -> None:
        ...
class Scalar:
    def __init__(self) -> None:
        ...
class Parameter:
    def __init__(self, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], trainable: bool, source: mpsnn._core.Source | None, tensor: str) -> None:
        ...
class State:
    def __init__(self, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], initial: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Conv2d:
    def __init__(self, stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], dilation: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], padding: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], groups: typing.SupportsInt | typing.SupportsIndex, accumulator: str) -> None:
        ...
class ConvTranspose2d:
    def __init__(self, stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], dilation: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], padding: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], output_padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], groups: typing.SupportsInt | typing.SupportsIndex, accumulator: str) -> None:
        ...
class Dense:
    def __init__(self) -> None:
        ...
class MaxPool2d:
    def __init__(self, kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], padding: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], dilation: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], edge: str) -> None:
        ...
class AvgPool2d:
    def __init__(self, kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], padding: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], edge: str) -> None:
        ...
class L2Pool2d:
    def __init__(self, kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], padding: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class BatchNorm:
    def __init__(self, epsilon: typing.SupportsFloat | typing.SupportsIndex, momentum_keep: typing.SupportsFloat | typing.SupportsIndex, training: bool, unbiased_running_var: bool) -> None:
        ...
class FoldBatchNorm:
    """
    Made by the library alone.
    """
class GroupNorm:
    def __init__(self, groups: typing.SupportsInt | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class LayerNorm:
    def __init__(self, axes: typing.SupportsInt | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class CrossChannelNorm:
    def __init__(self, size: typing.SupportsInt | typing.SupportsIndex, alpha: typing.SupportsFloat | typing.SupportsIndex, beta: typing.SupportsFloat | typing.SupportsIndex, delta: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class SpatialNorm:
    def __init__(self, kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], alpha: typing.SupportsFloat | typing.SupportsIndex, beta: typing.SupportsFloat | typing.SupportsIndex, delta: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class LocalContrastNorm:
    def __init__(self, kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], alpha: typing.SupportsFloat | typing.SupportsIndex, beta: typing.SupportsFloat | typing.SupportsIndex, delta: typing.SupportsFloat | typing.SupportsIndex, p0: typing.SupportsFloat | typing.SupportsIndex, pm: typing.SupportsFloat | typing.SupportsIndex, ps: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Neuron:
    def __init__(self, kind: str, a: typing.SupportsFloat | typing.SupportsIndex, b: typing.SupportsFloat | typing.SupportsIndex, c: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class PRelu:
    def __init__(self) -> None:
        ...
class Softmax:
    def __init__(self) -> None:
        ...
class LogSoftmax:
    def __init__(self) -> None:
        ...
class Dropout:
    def __init__(self, rate: typing.SupportsFloat | typing.SupportsIndex, key: typing.SupportsInt | typing.SupportsIndex, strides: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> None:
        ...
class Rnn:
    def __init__(self, activation: Neuron, reverse: bool) -> None:
        ...
class Lstm:
    def __init__(self, input_gate: Neuron, forget_gate: Neuron, cell_gate: Neuron, output_gate: Neuron, hidden: Neuron, reverse: bool) -> None:
        ...
class Gru:
    def __init__(self, update_gate: Neuron, reset_gate: Neuron, candidate: Neuron, power: typing.SupportsFloat | typing.SupportsIndex, flip: bool, reset_after: bool, reverse: bool) -> None:
        ...
class Mgu:
    def __init__(self, update_gate: Neuron, candidate: Neuron, power: typing.SupportsFloat | typing.SupportsIndex, flip: bool, reverse: bool) -> None:
        ...
class Add:
    def __init__(self) -> None:
        ...
class Arithmetic:
    def __init__(self, kind: str, primary_scale: typing.SupportsFloat | typing.SupportsIndex, secondary_scale: typing.SupportsFloat | typing.SupportsIndex, bias: typing.SupportsFloat | typing.SupportsIndex, low: typing.SupportsFloat | typing.SupportsIndex, high: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class MatMul:
    def __init__(self, transpose_a: bool, transpose_b: bool) -> None:
        ...
class GramMatrix:
    def __init__(self, alpha: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Reshape:
    def __init__(self, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class Concat:
    def __init__(self, axis: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Slice:
    def __init__(self, start: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stop: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], step: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class Pad:
    def __init__(self, before: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], after: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], mode: str, value: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Transpose:
    def __init__(self, order: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class StopGradient:
    def __init__(self) -> None:
        ...
class Cast:
    """
    Made by the library alone.
    """
class Resize:
    def __init__(self, size: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], mode: str, coordinates: str) -> None:
        ...
class CropAndResize:
    def __init__(self, size: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class GridSample:
    def __init__(self, padding: str, align_corners: bool) -> None:
        ...
class Reduce:
    def __init__(self, kind: str, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], keep_axes: bool) -> None:
        ...
class BatchReduce:
    def __init__(self, kind: str) -> None:
        ...
class InitialGradient:
    """
    Made by the library alone.
    """
class Loss:
    def __init__(self, kind: str, reduction: str, weight: typing.SupportsFloat | typing.SupportsIndex, label_smoothing: typing.SupportsFloat | typing.SupportsIndex, delta: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex, strict_mps: bool) -> None:
        ...
class YoloLoss:
    def __init__(self, anchors: collections.abc.Sequence[typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"]], kinds: typing.Annotated[collections.abc.Sequence[str], "FixedSize(4)"], scales: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(5)"], iou: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"], rescore: bool, reduction: str, weight: typing.SupportsFloat | typing.SupportsIndex, delta: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Running:
    def __init__(self, keep: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Sgd:
    def __init__(self, momentum: typing.SupportsFloat | typing.SupportsIndex, nesterov: bool) -> None:
        ...
class RmsProp:
    def __init__(self, decay: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Adam:
    def __init__(self, beta1: typing.SupportsFloat | typing.SupportsIndex, beta2: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex, weight_decay: typing.SupportsFloat | typing.SupportsIndex, amsgrad: bool) -> None:
        ...
class PrepareGradient:
    def __init__(self, clip_min: typing.SupportsFloat | typing.SupportsIndex, clip_max: typing.SupportsFloat | typing.SupportsIndex, rescale: typing.SupportsFloat | typing.SupportsIndex, l1: typing.SupportsFloat | typing.SupportsIndex, l2: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class ClipScale:
    """
    Made by the library alone.
    """
class Accumulate:
    """
    Made by the library alone.
    """
class CheckGradients:
    """
    Made by the library alone.
    """
class HostUpdate:
    """
    Made by the library alone.
    """
