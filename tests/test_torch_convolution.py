"""Convolutions and dense layers against PyTorch: forward and all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, Value, _core

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)

BATCH = 3
Shape = tuple[int, ...]


def ours(build: Callable[..., Value], backend: str, x: np.ndarray, weights: Any, dy: np.ndarray):
    """y, and the gradients of mean(sum(y * dy)) by x and the weights."""
    g = Graph()
    image = g.input(*x.shape[1:])
    parameters = [g.parameter(*w.shape, name=f"w{i}") for i, w in enumerate(weights)]
    y = build(g, image, *parameters)
    loss = g.reshape(g.dense(y, g.parameter(1, dy.size, name="dy")))
    outputs = [y.id, *_core.add_gradients(g.core, loss.id, [v.id for v in [image, *parameters]])]
    exe = _core.compile(g.core, batch=BATCH, outputs=outputs, backend=backend)
    exe.session.write({"dy": dy.reshape(1, -1), **{f"w{i}": w for i, w in enumerate(weights)}})
    return exe.run(BATCH, [(image.id, x)], outputs)


def theirs(build: Callable[..., Any], x: np.ndarray, weights: Any, dy: np.ndarray):
    """The same; images here are NHWC and weights OHWI, there NCHW and OIHW."""
    xs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in [x, *weights]]
    y = build(*xs)
    (y * torch.tensor(dy, dtype=torch.float64)).sum().div(BATCH).backward()
    return [y.detach().numpy(), *(a.grad.numpy() for a in xs)]


def check(
    build: Callable[..., Value],
    torch_build: Callable[..., Any],
    backend: str,
    shape: Shape,
    *weight_shapes: Shape,
) -> None:
    rng = np.random.default_rng(0)
    x, *weights = (
        rng.standard_normal(s).astype(np.float32) for s in [(BATCH, *shape), *weight_shapes]
    )
    g = Graph()
    y_shape = build(g, g.input(*shape), *(g.parameter(*s) for s in weight_shapes)).shape
    dy = rng.standard_normal(y_shape).astype(np.float32)
    if backend == "reference":
        x64, weights64 = x.astype(np.float64), [w.astype(np.float64) for w in weights]
        results = ours(build, backend, x64, weights64, dy.astype(np.float64))
    else:
        results = ours(build, backend, x, weights, dy)
    for i, (a, b) in enumerate(zip(results, theirs(torch_build, x, weights, dy), strict=True)):
        assert a.shape == b.shape
        # float32 rounds to 6e-8, and the longest sums here have some hundred terms.
        atol = (1e-4 if i else 1e-5) * np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=f"result {i}")


def image_conv(f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Torch's convolution `f`, of NHWC images and OHWI weights."""

    def apply(x: Any, weight: Any, bias: Any = None) -> Any:
        y = f(x.permute(0, 3, 1, 2), weight.permute(0, 3, 1, 2), bias, **options)
        return y.permute(0, 2, 3, 1)

    return apply


def transposed_conv(groups: int, **options: Any) -> Callable[..., Any]:
    """Torch's transposed convolution: its weight is (C, O / groups, K.h, K.w)."""

    def apply(x: Any, weight: Any, bias: Any = None) -> Any:
        o, h, w, c = weight.shape
        grouped = weight.reshape(groups, o // groups, h, w, c).permute(0, 4, 1, 2, 3)
        theirs = grouped.reshape(groups * c, o // groups, h, w)
        y = F.conv_transpose2d(x.permute(0, 3, 1, 2), theirs, bias, groups=groups, **options)
        return y.permute(0, 2, 3, 1)

    return apply


CONV2D: list[tuple[Shape, Shape, dict[str, Any]]] = [
    ((7, 6, 3), (4, 3, 3, 3), {}),
    ((7, 6, 3), (4, 3, 2, 3), {"stride": (2, 3), "padding": 1}),
    ((9, 8, 4), (6, 3, 3, 4), {"dilation": (2, 1), "padding": 2}),
    ((9, 8, 4), (6, 3, 3, 2), {"groups": 2, "stride": 2}),
    ((9, 8, 5), (5, 3, 3, 1), {"groups": 5, "dilation": 2}),
    ((9, 8, 17), (34, 3, 3, 1), {"groups": 17, "stride": 2, "padding": 1}),
    ((1, 1, 3), (2, 1, 1, 3), {}),
]


@pytest.mark.parametrize(("shape", "weight", "options"), CONV2D, ids=str)
def test_conv2d_is_that_of_torch(shape: Shape, weight: Shape, options: Any, backend: str) -> None:
    padding = options.get("padding", "valid")
    check(
        lambda g, x, w, b: g.conv2d(x, w, b, **{**options, "padding": padding}),
        image_conv(F.conv2d, **options),
        backend,
        shape,
        weight,
        weight[:1],
    )


@pytest.mark.parametrize("stride", [1, 2, (3, 2)], ids=str)
@pytest.mark.parametrize("padding", [0, 1, (2, 1)], ids=str)
@pytest.mark.parametrize("dilation", [1, (2, 3)], ids=str)
@pytest.mark.parametrize("output_padding", [0, 1], ids=str)
@pytest.mark.parametrize(
    ("channels", "outputs", "groups"), [(3, 4, 1), (4, 6, 2), (5, 10, 5)], ids=str
)
def test_conv_transpose2d_is_that_of_torch(
    stride: Any,
    padding: Any,
    dilation: Any,
    output_padding: int,
    channels: int,
    outputs: int,
    groups: int,
    backend: str,
) -> None:
    options = {"stride": stride, "dilation": dilation, "output_padding": output_padding}
    if output_padding and stride == 1 and dilation == 1:
        pytest.skip("there is no room for it")
    h, w = padding if isinstance(padding, tuple) else (padding, padding)
    check(
        lambda g, x, weight, b: g.conv_transpose2d(
            x, weight, b, padding=(h, h, w, w), groups=groups, **options
        ),
        transposed_conv(groups, padding=padding, **options),
        backend,
        (4, 5, channels),
        (outputs, 3, 4, channels // groups),
        (outputs,),
    )


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 8, 17])
@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"dilation": 2}], ids=str)
def test_depthwise_conv2d_is_a_grouped_one_of_torch(
    multiplier: int, channels: int, options: Any, backend: str
) -> None:
    check(
        lambda g, x, w, b: g.depthwise_conv2d(x, w, b, padding=1, **options),
        image_conv(F.conv2d, padding=1, groups=channels, **options),
        backend,
        (7, 6, channels),
        (channels * multiplier, 3, 3, 1),
        (channels * multiplier,),
    )


@pytest.mark.parametrize(
    ("options", "torch_options"),
    [
        ({"padding": "valid"}, {}),
        ({"padding": "same"}, {"padding": "same"}),
        ({"padding": "same", "dilation": 3}, {"padding": "same", "dilation": 3}),
        ({"padding": 2, "stride": 3}, {"padding": 2, "stride": 3}),
        ({"padding": (1, 1), "groups": 2}, {"padding": 1, "groups": 2}),
    ],
    ids=str,
)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_conv1d_is_that_of_torch(
    options: Any, torch_options: Any, kernel: int, backend: str
) -> None:
    def theirs(x: Any, weight: Any, bias: Any) -> Any:
        y = F.conv1d(x.permute(0, 2, 1), weight.permute(0, 2, 1), bias, **torch_options)
        return y.permute(0, 2, 1)

    weight = (6, kernel, 4 // options.get("groups", 1))
    check(lambda g, x, w, b: g.conv1d(x, w, b, **options), theirs, backend, (11, 4), weight, (6,))


@pytest.mark.parametrize(("shape", "units"), [((3, 4, 5), 7), ((9,), 1)], ids=str)
def test_dense_is_linear_of_torch(shape: Shape, units: int, backend: str) -> None:
    check(
        lambda g, x, w, b: g.dense(x, w, b),
        lambda x, w, b: F.linear(x.flatten(1), w, b),
        backend,
        shape,
        (units, int(np.prod(shape))),
        (units,),
    )
