"""The networks as PyTorch modules: straight-line code over its own layers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from benchmarks.networks import DROPOUT, EPSILON, SLOPE, Array, Network, Node, options, weights
from benchmarks.workloads import STEP


class LastState(nn.Module):
    """Of an LSTM over sequences (N, C, T)."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.lstm(x.transpose(1, 2))[0]
        return states[:, -1]


def module(node: Node, before: tuple[int, ...]) -> nn.Module:
    """Of a node whose input has the shape `before`, channels last."""
    units = node.shape[-1]
    if node.op == "conv":
        convolution = nn.Conv1d if len(node.kernel) == 1 else nn.Conv2d
        return convolution(before[-1], units, bias=node.bias, **options(node))
    if node.op == "dense":
        dense = nn.Linear(math.prod(before), units)
        return nn.Sequential(nn.Flatten(), dense) if len(before) > 1 else dense
    if node.op == "batch_norm":
        return (nn.BatchNorm2d if len(before) == 3 else nn.BatchNorm1d)(units, eps=EPSILON)
    if node.op == "mean":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    plain: dict[str, Callable[[], nn.Module]] = {
        "lstm": lambda: LastState(before[-1], units),
        "max_pool": lambda: nn.MaxPool2d(**options(node)),
        "avg_pool": lambda: nn.AvgPool2d(**options(node), count_include_pad=False),
        "relu": lambda: nn.ReLU(inplace=True),
        "leaky_relu": lambda: nn.LeakyReLU(SLOPE, inplace=True),
        "dropout": lambda: nn.Dropout(DROPOUT),
    }
    return plain[node.op]()


def build(network: Network) -> nn.Module:
    """A module whose `forward` calls one layer after the other, without a loop or a lookup."""
    root, graph = nn.Module(), fx.Graph()
    values = [graph.placeholder("x")]
    owned = weights(network)
    for place, node in enumerate(network.nodes[1:], 1):
        inputs = [values[i] for i in node.inputs]
        if node.op == "add":
            values.append(graph.call_function(operator.add, tuple(inputs)))
        elif node.op == "concat":
            values.append(graph.call_function(torch.cat, (inputs, 1)))
        else:
            name, before = f"{node.op}_{place}", network.shape(node.inputs[0])
            root.add_module(name, module(node, before))
            fill(root.get_submodule(name), owned[place], before)
            values.append(graph.call_module(name, tuple(inputs)))
    graph.output(values[-1])
    return fx.GraphModule(root, graph)


def fill(layer: nn.Module, own: dict[str, Array], before: tuple[int, ...]) -> None:
    """Give a layer the weights that every contestant has."""
    if isinstance(layer, LastState):
        names = {"weight": "weight_ih_l0", "recurrent": "weight_hh_l0", "bias": "bias_ih_l0"}
        nn.init.zeros_(layer.lstm.get_parameter("bias_hh_l0"))
        for name, array in own.items():
            layer.lstm.get_parameter(names[name]).data.copy_(torch.from_numpy(array))
        return
    if isinstance(layer, nn.Sequential) and own:  # Linear behind Flatten: channels come first
        weight = own["weight"].reshape(-1, *before)
        own["weight"] = np.moveaxis(weight, -1, 1).reshape(len(weight), -1)
        layer = layer[1]
    if isinstance(layer, nn.Conv1d | nn.Conv2d):
        own["weight"] = np.moveaxis(own["weight"], -1, 1)
    names = {"gamma": "weight", "beta": "bias"}
    for name, array in own.items():
        values = torch.from_numpy(np.ascontiguousarray(array))
        getattr(layer, names.get(name, name)).data.copy_(values)


class Stepper(nn.Module):
    """The activity classifier's LSTM, one step with its state in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(STEP.image[-1], STEP.units, batch_first=True)
        self.dense = nn.Linear(STEP.units, STEP.classes)

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[Any, ...]:
        y, (h, c) = self.lstm(x, (h, c))
        return torch.softmax(self.dense(y[:, -1]), dim=1), h, c
