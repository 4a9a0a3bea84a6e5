"""Layers: ops that own their weights.

A layer is a description. Calling it on a `Value` appends its op, and parameters named
after it, to the value's graph; calling it twice makes two layers with weights of their own.

    y = layers.Conv2d(32, kernel=5)(x)
"""

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
from mpsnn.layers.neurons import Dropout, ReLU
from mpsnn.layers.normalization import BatchNorm
from mpsnn.layers.pooling import AvgPool2d, MaxPool2d
from mpsnn.layers.sampling import UpSampling2d

__all__ = [
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
    "MaxPool2d",
    "Permute",
    "ReLU",
    "Reshape",
    "SeparableConv2d",
    "UpSampling2d",
    "ZeroPadding2d",
]
