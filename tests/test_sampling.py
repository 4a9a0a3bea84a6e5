"""Sampling ops against their formulas, and coordinates that point nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpsnn import Graph, Value, _core


def run(g: Graph, outputs: list[Any], backend: str, *arrays: np.ndarray) -> list[np.ndarray]:
    n = len(arrays[0])
    exe = _core.compile(g.core, batch=n, outputs=outputs, backend=backend)
    return exe.run(n, [(v.id, a) for v, a in zip(g.inputs, arrays, strict=True)], outputs)


def infer(g: Graph, y: Value, backend: str, *arrays: np.ndarray) -> np.ndarray:
    return run(g, [y.id], backend, *arrays)[0]


def test_bilinear_upsampling_is_what_a_device_test_of_mps_expects(backend: str) -> None:
    g = Graph()
    y = g.upsample(g.input(1, 3, 1), (1, 2), "bilinear")
    x = np.array([1, 2, 4], np.float32).reshape(1, 1, 3, 1)
    expected = [1, 1.5, 2, 3, 4, 4]  # no shift by half a pixel; the edge is repeated
    np.testing.assert_allclose(infer(g, y, backend, x).ravel(), expected)


def test_nearest_upsampling_repeats_pixels(backend: str, rng) -> None:
    g = Graph()
    y = g.upsample(g.input(2, 3, 4), (2, 3))
    x = rng.standard_normal((2, 2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(infer(g, y, backend, x), x.repeat(2, 1).repeat(3, 2))


def test_positions_are_exact(backend: str) -> None:
    """I * (1 / 3) * 3 must not fall below i for any size."""
    for size in range(1, 40):
        for factor in (1, 3, 7, 10):
            g = Graph()
            x = np.arange(size * factor, dtype=np.float32).reshape(1, 1, -1, 1)
            y = g.resize_nearest(g.input(1, size * factor, 1), 1, size)
            expected = np.arange(size) * factor
            np.testing.assert_array_equal(infer(g, y, backend, x).ravel(), expected)


def crop(x: np.ndarray, box: np.ndarray, height: int, width: int) -> np.ndarray:
    """The formula of TensorFlow, one pixel at a time."""

    def positions(first: float, last: float, n: int, extent: int) -> np.ndarray:
        if n == 1:
            return np.array([(first + last) / 2 * (extent - 1)])
        return first * (extent - 1) + np.arange(n) * (last - first) * (extent - 1) / (n - 1)

    top, left, bottom, right = box.astype(np.float64)
    y = np.zeros((height, width, x.shape[2]))
    for i, h in enumerate(positions(top, bottom, height, x.shape[0])):
        for j, w in enumerate(positions(left, right, width, x.shape[1])):
            if not (0 <= h <= x.shape[0] - 1 and 0 <= w <= x.shape[1] - 1):
                continue
            h0, w0 = int(h), int(w)
            h1, w1 = min(h0 + 1, x.shape[0] - 1), min(w0 + 1, x.shape[1] - 1)
            above = x[h0, w0] * (1 - w + w0) + x[h0, w1] * (w - w0)
            below = x[h1, w0] * (1 - w + w0) + x[h1, w1] * (w - w0)
            y[i, j] = above * (1 - h + h0) + below * (h - h0)
    return y


@pytest.mark.parametrize("size", [(3, 4), (1, 5), (6, 1), (9, 9)])
def test_crops_are_those_of_the_formula(size: tuple[int, int], backend: str, rng) -> None:
    g = Graph()
    y = g.crop_and_resize(g.input(5, 7, 3), g.input(4, 4), *size)
    x = rng.standard_normal((2, 5, 7, 3)).astype(np.float32)
    boxes = rng.uniform(-0.3, 1.3, (2, 4, 4)).astype(np.float32)
    boxes[0, 0] = 0, 0, 1, 1
    boxes[0, 1] = 1, 1, 0, 0  # mirrored
    expected = [
        [crop(image, box, *size) for box in each] for image, each in zip(x, boxes, strict=True)
    ]
    np.testing.assert_allclose(infer(g, y, backend, x, boxes), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("extent", [2, 3, 7, 10, 23])
def test_a_box_in_the_image_reads_nothing_outside(extent: int, backend: str, rng) -> None:
    """Rounding must not push its last pixel over the edge, where everything is 0."""
    for n in (2, 3, 5, 11):
        g = Graph()
        y = g.crop_and_resize(g.input(extent, extent, 1), g.input(50, 4), n, n)
        boxes = rng.uniform(0, 1, (1, 50, 4)).astype(np.float32)
        boxes[..., 2:] = 1
        ones = np.ones((1, extent, extent, 1), np.float32)
        np.testing.assert_allclose(infer(g, y, backend, ones, boxes), 1, atol=1e-6)


FAR = [1e9, -1e9, 3e38, -3e38, np.inf, -np.inf]


@pytest.mark.parametrize("padding", ["zero", "clamp"])
def test_far_coordinates_read_zeros_or_the_edge(padding: Any, backend: str) -> None:
    g = Graph()
    y = g.grid_sample(g.input(3, 4, 2), g.input(1, 6, 2), padding)
    x = np.arange(1, 25, dtype=np.float32).reshape(1, 3, 4, 2)
    grid = np.zeros((1, 1, 6, 2), np.float32)
    grid[0, 0, :, 0] = FAR
    edge = [x[0, 1, -1] if far > 0 else x[0, 1, 0] for far in FAR]
    expected = np.stack(edge) if padding == "clamp" else np.zeros((6, 2))
    np.testing.assert_allclose(infer(g, y, backend, x, grid)[0, 0], expected)


@pytest.mark.parametrize("op", ["grid_sample", "crop_and_resize"])
def test_no_coordinate_crashes_and_nan_shows(op: str, backend: str) -> None:
    g = Graph()
    x = g.input(3, 4, 2)
    if op == "grid_sample":
        at = g.input(1, 8, 2)
        y = g.grid_sample(x, at)
    else:
        at = g.input(4, 4)
        y = g.crop_and_resize(x, at, 2, 2)
    loss = g.reduce_sum(y)
    gradients = _core.add_gradients(g.core, loss.id, [x.id, at.id])
    coordinates = np.full((1, *at.shape), 0.25, np.float32)
    bad = coordinates.reshape(-1)
    bad[1:9] = [*FAR, 1e-38, np.nan]
    image = np.ones((1, 3, 4, 2), np.float32)
    values, dx, dat = run(g, [y.id, *gradients], backend, image, coordinates)
    assert np.isnan(values).any()
    assert np.isfinite(values[0, 0 if op == "crop_and_resize" else slice(None)]).any()
    assert dx.shape == image.shape
    assert dat.shape == coordinates.shape


def test_a_clamped_position_has_no_gradient(backend: str) -> None:
    g = Graph()
    x, grid = g.input(2, 2, 1), g.input(1, 1, 2)
    loss = g.reduce_sum(g.grid_sample(x, grid, "clamp"))
    (gradient,) = _core.add_gradients(g.core, loss.id, [grid.id])
    image = np.array([1, 2, 4, 8], np.float32).reshape(1, 2, 2, 1)
    outside = np.array([5, 0.0], np.float32).reshape(1, 1, 1, 2)
    (result,) = run(g, [gradient], backend, image, outside)
    np.testing.assert_allclose(result.ravel(), [0, 6])  # (8 - 2) over one pixel, half per unit * 2
