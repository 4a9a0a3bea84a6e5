"""
Native core of mpsnn. Use the mpsnn package, not this module.
"""
from __future__ import annotations
import collections.abc
import numpy
import typing
from . import ops
__all__: list[str] = ['Device', 'DeviceError', 'Epoch', 'Error', 'Executable', 'Graph', 'Loader', 'LossScale', 'Node', 'NodeProfile', 'NumericError', 'Optimizer', 'Precision', 'Predictor', 'Profile', 'Progress', 'Session', 'ShapeError', 'Source', 'Step', 'Trace', 'Trainer', 'UnsupportedError', 'ValueId', 'add_gradient', 'add_gradients', 'backend_names', 'backend_status', 'compile', 'devices', 'eliminate_dead', 'flatten_concats', 'fold_batch_norm', 'fuse', 'inference_graph', 'nodes', 'ops', 'training_graph', 'vocabulary']
class Error(RuntimeError):
    pass
class ShapeError(Error, ValueError):
    pass
class UnsupportedError(Error, NotImplementedError):
    pass
class NumericError(Error, ArithmeticError):
    pass
class DeviceError(Error):
    pass
class Source:
    """
    Wraps a Python data source: an object with load, purge and, optionally, update.
    """
    def __init__(self, object: typing.Any) -> None:
        ...
class ValueId:
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __init__(self) -> None:
        """
        An absent optional input.
        """
    def __repr__(self) -> str:
        ...
    @property
    def index(self) -> int:
        ...
class Graph:
    def __init__(self) -> None:
        ...
    def add(self, op: ops.Input | ops.Labels | ops.Scalar | ops.Parameter | ops.State | ops.Conv2d | ops.ConvTranspose2d | ops.Dense | ops.MaxPool2d | ops.AvgPool2d | ops.L2Pool2d | ops.BatchNorm | ops.FoldBatchNorm | ops.GroupNorm | ops.LayerNorm | ops.CrossChannelNorm | ops.SpatialNorm | ops.LocalContrastNorm | ops.Neuron | ops.PRelu | ops.Softmax | ops.LogSoftmax | ops.Dropout | ops.Rnn | ops.Lstm | ops.Gru | ops.Mgu | ops.Add | ops.Arithmetic | ops.MatMul | ops.GramMatrix | ops.Reshape | ops.Concat | ops.Slice | ops.Pad | ops.Transpose | ops.StopGradient | ops.Cast | ops.Resize | ops.CropAndResize | ops.GridSample | ops.Reduce | ops.BatchReduce | ops.InitialGradient | ops.Loss | ops.YoloLoss | ops.Running | ops.PrepareGradient | ops.ClipScale | ops.Accumulate | ops.CheckGradients | ops.Sgd | ops.RmsProp | ops.Adam | ops.HostUpdate, inputs: collections.abc.Sequence[ValueId], label: str = '') -> ValueId:
        ...
    def batched(self, value: ValueId) -> bool:
        ...
    def dtype(self, value: ValueId) -> str:
        ...
    def has(self, value: ValueId) -> bool:
        """
        Whether a node writes `value`.
        """
    def label(self, value: ValueId) -> str:
        """
        The label of the node that writes `value`.
        """
    def outputs(self, value: ValueId) -> list[ValueId]:
        """
        Every output of the node that writes `value`.
        """
    def parameters(self) -> list[ValueId]:
        """
        Every parameter, in the order they were added.
        """
    def print(self) -> str:
        """
        One line per node.
        """
    def shape(self, value: ValueId) -> list[int]:
        """
        Extent of each axis of `value`, per image: [H, W, C], [K] or [].
        """
    @property
    def node_count(self) -> int:
        ...
class Node:
    """
    One node of a graph, as it was when it was asked for.
    """
    @property
    def gradient(self) -> bool:
        """
        Whether it is a gradient node.
        """
    @property
    def inputs(self) -> list[ValueId]:
        """
        Absent where an optional input is left out.
        """
    @property
    def label(self) -> str:
        ...
    @property
    def line(self) -> str:
        """
        As the graph prints it.
        """
    @property
    def op(self) -> str:
        ...
    @property
    def output_names(self) -> list[str]:
        ...
    @property
    def outputs(self) -> list[ValueId]:
        """
        Absent where nobody wants the value.
        """
    @property
    def parameter(self) -> bool:
        ...
    @property
    def trainable(self) -> bool:
        ...
class Optimizer:
    """
    An update rule, and what happens to gradients before it.
    """
    def __init__(self, rule: ops.Input | ops.Labels | ops.Scalar | ops.Parameter | ops.State | ops.Conv2d | ops.ConvTranspose2d | ops.Dense | ops.MaxPool2d | ops.AvgPool2d | ops.L2Pool2d | ops.BatchNorm | ops.FoldBatchNorm | ops.GroupNorm | ops.LayerNorm | ops.CrossChannelNorm | ops.SpatialNorm | ops.LocalContrastNorm | ops.Neuron | ops.PRelu | ops.Softmax | ops.LogSoftmax | ops.Dropout | ops.Rnn | ops.Lstm | ops.Gru | ops.Mgu | ops.Add | ops.Arithmetic | ops.MatMul | ops.GramMatrix | ops.Reshape | ops.Concat | ops.Slice | ops.Pad | ops.Transpose | ops.StopGradient | ops.Cast | ops.Resize | ops.CropAndResize | ops.GridSample | ops.Reduce | ops.BatchReduce | ops.InitialGradient | ops.Loss | ops.YoloLoss | ops.Running | ops.PrepareGradient | ops.ClipScale | ops.Accumulate | ops.CheckGradients | ops.Sgd | ops.RmsProp | ops.Adam | ops.HostUpdate, learning_rate: typing.SupportsFloat | typing.SupportsIndex, gradient: ops.PrepareGradient, clip_norm: typing.SupportsFloat | typing.SupportsIndex, accumulate: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Precision:
    """
    The numbers that a graph is computed in.
    """
    def __init__(self, values: str = 'float32', gradients: str = 'float32') -> None:
        ...
    @property
    def gradients(self) -> str:
        ...
    @property
    def values(self) -> str:
        ...
class LossScale:
    """
    What gradients are multiplied by on their way.
    """
    def __init__(self, value: typing.SupportsFloat | typing.SupportsIndex = 1, growth_interval: typing.SupportsInt | typing.SupportsIndex = 0, since: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
        ...
    @property
    def growth_interval(self) -> int:
        """
        Good steps that double it. 0: it never changes.
        """
    @property
    def since(self) -> int:
        """
        Steps completed when it changed last.
        """
    @property
    def value(self) -> float:
        ...
class Progress:
    """
    Where training stands.
    """
    def __init__(self, step: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, scale: LossScale) -> None:
        ...
    @property
    def scale(self) -> LossScale:
        ...
    @property
    def seed(self) -> int:
        ...
    @property
    def step(self) -> int:
        ...
class Session:
    """
    The variables of one model, on their device, and the order of its runs.
    """
    def read(self, names: collections.abc.Sequence[str]) -> tuple[Progress, dict[str, numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]]:
        """
        The progress, and copies, all at one point: after the runs submitted so far.
        """
    def variables(self) -> list[tuple[str, list[int], str, str]]:
        """
        Name, shape, dtype and kind ('parameter', 'statistic' or 'optimizer') of each.
        """
    def write(self, arrays: collections.abc.Mapping[str, typing.Any], progress: Progress | None = None) -> None:
        """
        Copy arrays in, and set the progress, all at one point: after the runs so far.
        """
    @property
    def loss_scale(self) -> LossScale:
        ...
    @property
    def seed(self) -> int:
        ...
    @property
    def step(self) -> int:
        """
        Training steps completed.
        """
class Device:
    """
    What a backend can run on.
    """
    def __repr__(self) -> str:
        ...
    @property
    def backend(self) -> str:
        ...
    @property
    def headless(self) -> bool:
        """
        Whether it drives no display.
        """
    @property
    def id(self) -> int:
        """
        Of a GPU, as the system knows it.
        """
    @property
    def kind(self) -> str:
        """
        'processor', 'integrated', 'discrete' or 'external'.
        """
    @property
    def low_power(self) -> bool:
        ...
    @property
    def memory_bytes(self) -> int:
        """
        Of a GPU: what may be in use without slowing down. 0: unknown.
        """
    @property
    def name(self) -> str:
        ...
class Executable:
    """
    A compiled graph. For tests; users have Trainer.
    """
    def implementations(self) -> list[tuple[str, str]]:
        ...
    def memory_report(self) -> dict[str, int]:
        ...
    def run(self, images: typing.SupportsInt | typing.SupportsIndex, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]], outputs: collections.abc.Sequence[ValueId]) -> list[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]:
        ...
    @property
    def graph(self) -> Graph:
        ...
    @property
    def session(self) -> Session:
        ...
class NodeProfile:
    """
    What one node took in a few runs.
    """
    @property
    def bytes(self) -> int:
        """
        Of one call.
        """
    @property
    def dtype(self) -> str:
        """
        What its products read.
        """
    @property
    def flops(self) -> int:
        """
        Of one call.
        """
    @property
    def implementation(self) -> str:
        ...
    @property
    def label(self) -> str:
        ...
    @property
    def op(self) -> str:
        ...
    @property
    def seconds(self) -> list[float]:
        """
        Of each call.
        """
    @property
    def text(self) -> str:
        ...
class Profile:
    """
    What the nodes of a graph took in a few runs.
    """
    @property
    def nodes(self) -> list[NodeProfile]:
        ...
    @property
    def seconds(self) -> list[float]:
        """
        Of each run.
        """
class Predictor:
    def __init__(self, graph: Graph, outputs: collections.abc.Sequence[ValueId], *, batch: typing.SupportsInt | typing.SupportsIndex, backend: str, threads: typing.SupportsInt | typing.SupportsIndex, session: Session | None, device: typing.SupportsInt | typing.SupportsIndex, precision: Precision) -> None:
        ...
    def infer(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]]) -> list[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]:
        ...
    def memory_report(self) -> dict[str, int]:
        ...
    def profile(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]], runs: typing.SupportsInt | typing.SupportsIndex) -> Profile:
        ...
    @property
    def backend(self) -> str:
        ...
    @property
    def batch(self) -> int:
        ...
    @property
    def session(self) -> Session:
        ...
class Trace:
    def __init__(self, most: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def __len__(self) -> int:
        ...
    def add(self, name: str, number: typing.SupportsInt | typing.SupportsIndex, seconds: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        What the calling thread did in the time up to now, in the row of callers.
        """
    def json(self) -> str:
        ...
    @property
    def dropped(self) -> int:
        ...
class Epoch:
    """
    One pass over the images of a loader.
    """
    def __iter__(self) -> typing.Any:
        ...
    def __next__(self) -> tuple[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], typing.Any]:
        ...
class Loader:
    def __init__(self, images: typing.Any, labels: typing.Any, *, batch: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, shuffle: bool, drop_last: bool, flip_horizontal: bool, flip_vertical: bool, crop: typing.SupportsInt | typing.SupportsIndex, contrast: typing.SupportsFloat | typing.SupportsIndex, brightness: typing.SupportsFloat | typing.SupportsIndex, mean: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], deviation: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], prefetch: typing.SupportsInt | typing.SupportsIndex, trace: Trace | None) -> None:
        ...
    def __len__(self) -> int:
        ...
    def epoch(self, epoch: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex) -> Epoch:
        ...
class Step:
    """
    One training step under way.
    """
    def done(self) -> bool:
        """
        Whether the step has ended.
        """
    def wait(self) -> None:
        """
        Return when the step has ended.

        Raises:
            Error: What the step failed with.
        """
    @property
    def exported(self) -> dict[str, numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]:
        """
        Each value of the trainer's `export`, by its name. Waits.
        """
    @property
    def loss(self) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
        """
        The loss of each image, float32 (N,), or of the batch, (). Waits for the step.
        """
    @property
    def skipped(self) -> bool:
        """
        Whether a gradient overflowed, so that the step changed nothing but a dynamic loss scale. Waits for the step.
        """
class Trainer:
    def __init__(self, graph: Graph, loss: ValueId, outputs: collections.abc.Sequence[ValueId], *, optimizer: Optimizer, batch: typing.SupportsInt | typing.SupportsIndex, backend: str, seed: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex, check_finite: bool, in_flight: typing.SupportsInt | typing.SupportsIndex, exports: collections.abc.Sequence[tuple[str, ValueId]], device: typing.SupportsInt | typing.SupportsIndex, precision: Precision, scale: LossScale, half_accumulators: bool, trace: Trace | None) -> None:
        ...
    def close(self) -> None:
        ...
    def evaluate(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]], labels: typing.Any, weights: typing.Any) -> tuple[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]], list[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]]:
        ...
    def implementations(self) -> list[tuple[str, str]]:
        ...
    def infer(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]]) -> list[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]]:
        ...
    def memory_report(self) -> dict[str, int]:
        ...
    def profile(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]], labels: typing.Any, weights: typing.Any, steps: typing.SupportsInt | typing.SupportsIndex) -> Profile:
        ...
    def train_step(self, inputs: collections.abc.Sequence[tuple[ValueId, typing.Any]], labels: typing.Any, weights: typing.Any, on_complete: typing.Any, learning_rate: typing.SupportsFloat | typing.SupportsIndex | None) -> Step:
        ...
    def wait(self) -> None:
        ...
    @property
    def backend(self) -> str:
        ...
    @property
    def batch(self) -> int:
        ...
    @property
    def busy_seconds(self) -> float:
        """
        Time that the engine has spent in training steps so far.
        """
    @property
    def closed(self) -> bool:
        ...
    @property
    def compile_seconds(self) -> float:
        """
        Time that compiling the training step took.
        """
    @property
    def graph(self) -> Graph:
        """
        The training graph that runs, after the backend's passes.
        """
    @property
    def learning_rate(self) -> float:
        ...
    @learning_rate.setter
    def learning_rate(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def session(self) -> Session:
        ...
def add_gradient(graph: Graph, y: ValueId, dy: ValueId) -> list[tuple[ValueId, ValueId]]:
    """
    Append the gradient node of the node that computes `y`; each input and its gradient.
    """
def add_gradients(graph: Graph, loss: ValueId, wrt: collections.abc.Sequence[ValueId]) -> list[ValueId]:
    """
    Append the gradient nodes; the gradient of each value in `wrt`, absent where there is none.
    """
def backend_names() -> list[str]:
    """
    Backends in this build, fastest first.
    """
def backend_status() -> list[tuple[str, bool, str]]:
    """
    Every backend of the project: name, whether this build has it, and what or why not.
    """
def compile(graph: Graph, *, batch: typing.SupportsInt | typing.SupportsIndex, outputs: collections.abc.Sequence[ValueId], backend: str = '', seed: typing.SupportsInt | typing.SupportsIndex = 0, optimize: bool = True, precision: Precision | None = None) -> Executable:
    ...
def devices() -> list[Device]:
    """
    What the backends of this build run on; of each the one it uses by itself comes first.
    """
def eliminate_dead(graph: Graph, keep: collections.abc.Sequence[ValueId]) -> Graph:
    ...
def flatten_concats(graph: Graph) -> Graph:
    ...
def fold_batch_norm(graph: Graph, keep: collections.abc.Sequence[ValueId]) -> Graph:
    ...
def fuse(graph: Graph, keep: collections.abc.Sequence[ValueId]) -> Graph:
    ...
def inference_graph(graph: Graph, outputs: collections.abc.Sequence[ValueId]) -> Graph:
    ...
def nodes(graph: Graph) -> list[Node]:
    """
    Every node, in order.
    """
def training_graph(graph: Graph, loss: ValueId, optimizer: Optimizer) -> Graph:
    ...
def vocabulary() -> list[tuple[str, str, list[tuple[str, bool, bool]]]]:
    """
    Family and name of every op; by backend whether it has the op, and its gradient.
    """
