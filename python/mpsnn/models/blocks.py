"""What the networks of this package are made of."""

from __future__ import annotations

from mpsnn import layers
from mpsnn.arguments import Padding, Pair
from mpsnn.initializers import HeNormal
from mpsnn.values import Value


def conv_norm(
    x: Value,
    channels: int,
    kernel: Pair,
    *,
    names: tuple[str, str],
    stride: int = 1,
    padding: Padding = "same",
    epsilon: float = 1e-5,
) -> Value:
    """A convolution without bias and a batch_norm, as PyTorch's `Conv2d` and `BatchNorm2d`.

    "same" is for odd kernels with a stride of 1: with any other the odd pixel would be at the
    other end than in PyTorch, so that their padding is a number.

    Args:
        x: Image, (H, W, C).
        channels: Output channels, O.
        kernel: Height and width, in pixels.
        names: Of the two layers.
        stride: Step of the kernel, in pixels.
        padding: As in `Graph.conv2d`.
        epsilon: Of the batch_norm.

    Returns:
        (H', W', O), without a neuron.
    """
    conv, norm = names
    y = layers.Conv2d(
        channels,
        kernel,
        stride=stride,
        padding=padding,
        bias=False,
        initializer=HeNormal(),
        name=conv,
    )(x)
    return layers.BatchNorm(epsilon, unbiased_running_var=True, name=norm)(y)
