"""Layers: ops that own their weights.

A layer is a description. Calling it on a `Value` appends its op, and parameters named
after it, to the value's graph; calling it twice makes two layers with weights of their own.

    y = layers.Conv2d(32, kernel=5)(x)

`Sequential` makes a layer of several.
"""

from mpsnn.layers.arithmetic import Add, Average, Maximum, Minimum, Multiply, Rescaling, Subtract
from mpsnn.layers.convolution import Conv2d, ConvTranspose2d, Dense
from mpsnn.layers.convolution_variants import Conv1d, DepthwiseConv2d, SeparableConv2d
from mpsnn.layers.layout import (
    Concatenate,
    Cropping2d,
    Flatten,
    Permute,
    Reshape,
    ZeroPadding2d,
)
from mpsnn.layers.neurons import (
    ELU,
    GELU,
    Activation,
    Dropout,
    LeakyReLU,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    SpatialDropout2d,
    Tanh,
)
from mpsnn.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from mpsnn.layers.pooling import (
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    L2Pool2d,
    MaxPool1d,
    MaxPool2d,
)
from mpsnn.layers.recurrent import GRU, LSTM, MGU, RNN
from mpsnn.layers.sampling import UpSampling2d
from mpsnn.layers.sequential import Layer, Sequential
from mpsnn.layers.unrolled import Unrolled

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MGU",
    "RNN",
    "Activation",
    "Add",
    "Average",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Cropping2d",
    "Dense",
    "DepthwiseConv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "InstanceNorm",
    "L2Pool2d",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool1d",
    "MaxPool2d",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "SpatialDropout2d",
    "Subtract",
    "Tanh",
    "Unrolled",
    "UpSampling2d",
    "ZeroPadding2d",
]
