"""ONNX Runtime and OpenVINO as contestants in inference: both read the same ONNX model.

The variant is a precision: float32, or with OpenVINO bfloat16, which it is given as its hint.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from benchmarks.contestant import Contestant, Task
from benchmarks.networks import EPSILON, SLOPE, Array, Network, Node, weights
from benchmarks.workloads import WORKLOADS


def contestant(name: str, task: Task) -> Contestant:
    """Steps of inference, by OpenVINO where the variant says so."""
    if task.mode != "infer":
        raise SystemExit("it does not train")
    family, precision = name.split()
    chosen = WORKLOADS[task.workload]
    classifies = chosen.loss == "cross_entropy"
    made = model(chosen.network(), task.batch, softmax=classifies)
    prepare = runtime if family == "onnxruntime" else openvino
    forward = prepare(made.SerializeToString(), task.threads, precision)
    data = [np.ascontiguousarray(np.moveaxis(x, -1, 1)) for x, _ in chosen.data(task.batch)]
    feed = itertools.cycle(data)

    def run(steps: int) -> Any:
        for _ in range(steps):
            result = forward(next(feed))
        return result if classifies else result.transpose(0, 2, 3, 1)

    return Contestant(run, _count(made))


def _count(made: Any) -> int:
    """Parameters. The bias of an LSTM is here two, the second of which is 0."""
    sizes = {t.name: math.prod(t.dims) for t in made.graph.initializer}
    doubled = [node.input[3] for node in made.graph.node if node.op_type == "LSTM"]
    skipped = ("running_", "constant_")
    return sum(
        size // 2 if name in doubled else size
        for name, size in sizes.items()
        if not name.startswith(skipped)
    )


def runtime(serialized: bytes, threads: int, precision: str) -> Callable[[Array], Any]:
    """By ONNX Runtime, which has one precision for a model in float32."""
    if precision != "float32":
        raise SystemExit(f"no {precision}")
    library = importlib.import_module("onnxruntime")
    options = library.SessionOptions()
    options.intra_op_num_threads = threads
    session = library.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def openvino(serialized: bytes, threads: int, precision: str) -> Callable[[Array], Any]:
    """By OpenVINO, for the time of one batch."""
    library = importlib.import_module("openvino")
    core = library.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(
        core.read_model(serialized), "CPU", settings
    ).create_infer_request()

    def forward(x: Array) -> Any:
        request.set_input_tensor(library.Tensor(x, shared_memory=True))
        request.infer()
        return np.array(request.get_output_tensor().data)

    return forward


class Builder:
    """The nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))

    def constant(self, name: str, array: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def model(network: Network, batch: int, *, softmax: bool) -> Any:
    """Images and maps channels first, as ONNX has them."""
    builder = Builder()
    names = ["x"]
    for place, own in list(enumerate(weights(network)))[1:]:
        node = network.nodes[place]
        inputs = [names[i] for i in node.inputs]
        names.append(f"v{place}")
        before = network.shape(node.inputs[0])
        constants = {n: f"{n}_{place}" for n in own}
        for name, array in _turned(node, own, before).items():
            builder.constant(f"{name}_{place}", array)
        _append(builder, node, inputs, names[-1], constants)
    last = names[-1]
    if softmax:
        builder.add("Softmax", [last], ["y"], axis=1)
        last = "y"

    def information(name: str, shape: tuple[int, ...]) -> Any:
        sizes = [batch, shape[-1], *shape[:-1]]
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)

    ends = (
        [information("x", network.nodes[0].shape)],
        [information(last, network.nodes[-1].shape)],
    )
    graph = helper.make_graph(builder.nodes, "network", *ends, builder.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    onnx.checker.check_model(made)
    return made


def _turned(node: Node, own: dict[str, Array], before: tuple[int, ...]) -> dict[str, Any]:
    """Weights with channels first; of an LSTM with the gates in ONNX's order."""
    if node.op == "conv":
        return {**own, "weight": np.moveaxis(own["weight"], -1, 1)}
    if node.op == "dense":
        weight = np.moveaxis(own["weight"].reshape(-1, *before), -1, 1)
        return {**own, "weight": weight.reshape(len(weight), -1)}
    if node.op != "lstm":
        return dict(own)
    gates = {n: np.split(array, 4) for n, array in own.items()}
    ordered = {n: np.concatenate([g[k] for k in (0, 3, 1, 2)])[None] for n, g in gates.items()}
    return {**ordered, "bias": np.concatenate([ordered["bias"], 0 * ordered["bias"]], 1)}


def _append(builder: Builder, node: Node, inputs: list[str], out: str, own: dict[str, str]) -> None:
    """The node's equivalent."""
    window = {
        "kernel_shape": node.kernel, "strides": node.stride, "pads": (*node.padding, *node.padding),
    }  # fmt: skip
    named = list(own.values())
    if node.op == "conv":
        builder.add("Conv", inputs + named, [out], **window)
    elif node.op == "dense":
        builder.add("Flatten", inputs, [f"{out}_flat"])
        builder.add("Gemm", [f"{out}_flat", *named], [out], transB=1)
    elif node.op == "batch_norm":
        builder.add("BatchNormalization", inputs + named, [out], epsilon=EPSILON)
    elif node.op == "lstm":
        builder.add("Transpose", inputs, [f"{out}_steps"], perm=[2, 0, 1])
        state = [f"{out}_steps", *named]
        builder.add("LSTM", state, ["", f"{out}_last"], hidden_size=node.shape[0])
        axes = builder.constant(f"constant_{out}", np.array([0]))
        builder.add("Squeeze", [f"{out}_last", axes], [out])
    elif node.op == "mean":
        builder.add("GlobalAveragePool", inputs, [f"{out}_image"])
        builder.add("Flatten", [f"{out}_image"], [out])
    elif node.op in ("max_pool", "avg_pool"):
        kind = "MaxPool" if node.op == "max_pool" else "AveragePool"
        builder.add(kind, inputs, [out], **window)
    elif node.op == "concat":
        builder.add("Concat", inputs, [out], axis=1)
    elif node.op == "leaky_relu":
        builder.add("LeakyRelu", inputs, [out], alpha=SLOPE)
    else:
        builder.add({"add": "Add", "relu": "Relu", "dropout": "Identity"}[node.op], inputs, [out])
