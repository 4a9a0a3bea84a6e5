"""Inception-v3 in PyTorch, its modules named as torchvision names its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as f

Size = int | tuple[int, int]


class Conv(nn.Module):
    def __init__(self, c: int, o: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, o, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return f.relu(self.bn(self.conv(x)))


class Module(nn.Module):
    """Branches that are joined; each a list of the names of its convolutions.

    A name may be a list of two, whose results are joined; "average" and "maximum" are poolings.
    """

    def __init__(self, convs: dict[str, Conv], branches: list[list[str | list[str]]]) -> None:
        super().__init__()
        for name, conv in convs.items():
            self.add_module(name, conv)
        self.branches = branches

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.along(branch, x) for branch in self.branches], 1)

    def along(self, branch: list[str | list[str]], x: Tensor) -> Tensor:
        for name in branch:
            if isinstance(name, list):
                x = torch.cat([getattr(self, part)(x) for part in name], 1)
            elif name == "average":
                x = f.avg_pool2d(x, 3, stride=1, padding=1)
            elif name == "maximum":
                x = f.max_pool2d(x, 3, stride=2)
            else:
                x = getattr(self, name)(x)
        return x


def module_a(c: int, pooled: int) -> Module:
    convs = {"branch1x1": Conv(c, 64, 1), "branch5x5_1": Conv(c, 48, 1)}
    convs["branch5x5_2"] = Conv(48, 64, 5, padding=2)
    convs["branch3x3dbl_1"] = Conv(c, 64, 1)
    convs["branch3x3dbl_2"] = Conv(64, 96, 3, padding=1)
    convs["branch3x3dbl_3"] = Conv(96, 96, 3, padding=1)
    convs["branch_pool"] = Conv(c, pooled, 1)
    double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
    five = ["branch5x5_1", "branch5x5_2"]
    return Module(convs, [["branch1x1"], [*five], [*double], ["average", "branch_pool"]])


def reduction_a(c: int) -> Module:
    convs = {"branch3x3": Conv(c, 384, 3, 2), "branch3x3dbl_1": Conv(c, 64, 1)}
    convs["branch3x3dbl_2"] = Conv(64, 96, 3, padding=1)
    convs["branch3x3dbl_3"] = Conv(96, 96, 3, 2)
    double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
    return Module(convs, [["branch3x3"], [*double], ["maximum"]])


ROW: dict[str, Size] = {"kernel": (1, 7), "padding": (0, 3)}
COLUMN: dict[str, Size] = {"kernel": (7, 1), "padding": (3, 0)}


def module_b(c: int, d: int) -> Module:
    convs = {"branch1x1": Conv(c, 192, 1), "branch7x7_1": Conv(c, d, 1)}
    convs["branch7x7_2"] = Conv(d, d, **ROW)
    convs["branch7x7_3"] = Conv(d, 192, **COLUMN)
    convs["branch7x7dbl_1"] = Conv(c, d, 1)
    convs["branch7x7dbl_2"] = Conv(d, d, **COLUMN)
    convs["branch7x7dbl_3"] = Conv(d, d, **ROW)
    convs["branch7x7dbl_4"] = Conv(d, d, **COLUMN)
    convs["branch7x7dbl_5"] = Conv(d, 192, **ROW)
    convs["branch_pool"] = Conv(c, 192, 1)
    single = [f"branch7x7_{i}" for i in (1, 2, 3)]
    double = [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)]
    return Module(convs, [["branch1x1"], [*single], [*double], ["average", "branch_pool"]])


def reduction_b(c: int) -> Module:
    convs = {"branch3x3_1": Conv(c, 192, 1), "branch3x3_2": Conv(192, 320, 3, 2)}
    convs["branch7x7x3_1"] = Conv(c, 192, 1)
    convs["branch7x7x3_2"] = Conv(192, 192, **ROW)
    convs["branch7x7x3_3"] = Conv(192, 192, **COLUMN)
    convs["branch7x7x3_4"] = Conv(192, 192, 3, 2)
    long = [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]
    return Module(convs, [["branch3x3_1", "branch3x3_2"], [*long], ["maximum"]])


def module_c(c: int) -> Module:
    convs = {"branch1x1": Conv(c, 320, 1), "branch3x3_1": Conv(c, 384, 1)}
    convs["branch3x3dbl_1"] = Conv(c, 448, 1)
    convs["branch3x3dbl_2"] = Conv(448, 384, 3, padding=1)
    for name in ("branch3x3_2", "branch3x3dbl_3"):
        convs[f"{name}a"] = Conv(384, 384, (1, 3), padding=(0, 1))
        convs[f"{name}b"] = Conv(384, 384, (3, 1), padding=(1, 0))
    convs["branch_pool"] = Conv(c, 192, 1)
    single = ["branch3x3_1", ["branch3x3_2a", "branch3x3_2b"]]
    double = ["branch3x3dbl_1", "branch3x3dbl_2", ["branch3x3dbl_3a", "branch3x3dbl_3b"]]
    return Module(convs, [["branch1x1"], single, double, ["average", "branch_pool"]])


class Auxiliary(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv0, self.conv1 = Conv(768, 128, 1), Conv(128, 768, 5)
        self.fc = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv1(self.conv0(f.avg_pool2d(x, 5, stride=3))).mean((2, 3)))


class Inception(nn.Module):
    """(N, 3, 299, 299) to the logits and those of the auxiliary classifier; without dropout."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Conv(3, 32, 3, 2), Conv(32, 32, 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1 = Conv(32, 64, 3, padding=1), Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c = module_a(192, 32), module_a(256, 64)
        self.Mixed_5d, self.Mixed_6a = module_a(288, 64), reduction_a(288)
        self.Mixed_6b, self.Mixed_6c = module_b(768, 128), module_b(768, 160)
        self.Mixed_6d, self.Mixed_6e = module_b(768, 160), module_b(768, 192)
        self.AuxLogits = Auxiliary(classes)
        self.Mixed_7a, self.Mixed_7b = reduction_b(768), module_c(1280)
        self.Mixed_7c, self.fc = module_c(2048), nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(f.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(f.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        y = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return self.fc(y.mean((2, 3))), self.AuxLogits(x)
