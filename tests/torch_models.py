"""The networks of `mpsnn.models` in PyTorch, their modules named as torchvision names its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as f


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.fc1, self.fc2 = nn.Linear(64 * 7 * 7, 1024), nn.Linear(1024, 10)
        self.mask: Tensor | float = 1.0  # of the dropout, with its factor

    def forward(self, x: Tensor) -> Tensor:
        x = f.max_pool2d(f.relu(self.conv1(x)), 2)
        x = f.max_pool2d(f.relu(self.conv2(x)), 2).flatten(1)
        return self.fc2(f.relu(self.fc1(x)) * self.mask)


class Activity(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm = nn.Conv1d(6, 64, 10, stride=10), nn.LSTM(64, 200, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False)  # or their sum would move twice as fast as ours
        self.fc1, self.bn, self.fc2 = nn.Linear(200, 128), nn.BatchNorm1d(128), nn.Linear(128, 7)

    def forward(self, x: Tensor) -> Tensor:
        steps = f.relu(self.conv(x)).transpose(1, 2)
        return self.fc2(f.relu(self.bn(self.fc1(self.lstm(steps)[0][:, -1]))))


class Block(nn.Module):
    """Basic or, with an expansion of 4, the bottleneck."""

    def __init__(self, inputs: int, channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        outputs = channels * expansion
        if expansion == 1:
            sizes = [(inputs, channels, 3, stride), (channels, channels, 3, 1)]
        else:
            sizes = [(inputs, channels, 1, 1), (channels, channels, 3, stride)]
            sizes += [(channels, outputs, 1, 1)]
        self.depth = len(sizes)
        for i, (c, o, k, s) in enumerate(sizes, start=1):
            self.add_module(f"conv{i}", nn.Conv2d(c, o, k, s, k // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(o))
        self.downsample = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.downsample.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = f.relu(y) if i < self.depth else y
        return f.relu(y + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, depths: tuple[int, ...], expansion: int, classes: int, stem: str) -> None:
        super().__init__()
        large = stem == "imagenet"
        k, s, p = (7, 2, 3) if large else (3, 1, 1)
        self.conv1, self.bn1 = nn.Conv2d(3, 64, k, s, p, bias=False), nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        inputs = 64
        for stage, depth in enumerate(depths):
            blocks = nn.Sequential()
            for i in range(depth):
                stride = 2 if stage and not i else 1
                blocks.append(Block(inputs, 64 * 2**stage, stride, expansion))
                inputs = 64 * 2**stage * expansion
            self.add_module(f"layer{stage + 1}", blocks)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(f.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


class TinyYolo(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        inputs = 3
        for i, channels in enumerate((16, 32, 64, 128, 256, 512, 1024, 1024), start=1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs, channels, 3, padding=1, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(channels))
            inputs = channels
        self.conv9 = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        for i in range(1, 9):
            x = f.leaky_relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)), 0.1)
            if i <= 5:
                x = f.max_pool2d(x, 2)
            elif i == 6:
                x = f.max_pool2d(f.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, 1)
        return self.conv9(x)


def randomised(model: Any, example: Tensor) -> Any:
    """`model`, its running statistics those of `example` and a little more or less.

    Statistics that do not fit the values would let them fade from layer to layer, and with them
    every mistake.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.2)
        model.train()(example)
        for norm in norms:
            norm.momentum = 0.1
            norm.running_mean += norm.running_var.sqrt() * torch.randn_like(norm.running_mean) * 0.1
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
    return model
