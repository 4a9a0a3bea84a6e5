"""An argument that cannot be: an error that names it, from the call that it was given to."""

from __future__ import annotations

import re
from collections.abc import Callable

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, detection, layers
from mpsnn.detection import Grid

Case = tuple[Callable[[], object], type[Exception], str]


def refused(make: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        make()


LAYERS: dict[str, Callable[..., object]] = {
    "conv2d": lambda **own: layers.Conv2d(3, 3, **own),
    "conv_transpose2d": lambda **own: layers.ConvTranspose2d(3, 3, **own),
    "conv1d": lambda **own: layers.Conv1d(3, 3, **own),
    "depthwise_conv2d": lambda **own: layers.DepthwiseConv2d(3, **own),
    "separable_conv2d": lambda **own: layers.SeparableConv2d(3, 3, **own),
    "dense": lambda **own: layers.Dense(3, **own),
    "rnn": lambda **own: layers.RNN(3, **own),
    "lstm": lambda **own: layers.LSTM(3, **own),
    "gru": lambda **own: layers.GRU(3, **own),
    "mgu": lambda **own: layers.MGU(3, **own),
    "batch_norm": layers.BatchNorm,
    "group_norm": layers.GroupNorm,
    "instance_norm": layers.InstanceNorm,
    "layer_norm": layers.LayerNorm,
}


@pytest.mark.parametrize("op", LAYERS)
def test_a_layer_is_not_made_with_what_gives_no_weights(op: str) -> None:
    for source in (3, mpsnn.InitializerSource):
        message = f"{op}: source must be a DataSource, got {source!r}"
        refused(lambda source=source: LAYERS[op](source=source), TypeError, message)
    drawn = ["initializer"] * (not op.endswith("_norm"))
    drawn += ["recurrent_initializer"] * (op in ("rnn", "lstm", "gru", "mgu"))
    for argument in drawn:
        for initializer in ("he", None, mpsnn.HeNormal):
            message = f"{op}: {argument} must be one such as HeNormal(), got {initializer!r}"
            given = {argument: initializer}
            refused(lambda given=given: LAYERS[op](**given), TypeError, message)


WEIGHTS: list[Case] = [
    (lambda: mpsnn.InitializerSource(weight="he"), TypeError,
     "InitializerSource: weight must be one such as HeNormal(), got 'he'"),
    (lambda: mpsnn.InitializerSource(gamma=mpsnn.HeNormal), TypeError,
     "InitializerSource: gamma must be one such as HeNormal(), got <class"),
    (lambda: Graph().parameter(3, source=3), TypeError,
     "parameter: source must be a DataSource, got 3"),
    (lambda: Graph().parameters("w", {"w": (3,)}, name="w"), TypeError,
     "parameters: source must be a DataSource, got 'w'"),
    (lambda: layers.Activation("foo"), ShapeError,
     "activation: function must be one of relu, leaky_relu, relu6, sigmoid, "),
    (lambda: layers.Activation(3), ShapeError, "log_softmax, got 3"),
]  # fmt: skip


def trainer(**options: object) -> mpsnn.Trainer:
    return nets.trainer("reference", **options)


def predictor(**options: object) -> mpsnn.Predictor:
    return mpsnn.Predictor(layers.Dense(2, name="d")(Graph().input(3)), **options)


LISTS = {"d.weight": np.zeros((2, 3), np.float32), "d.bias": [0.0, 0.0]}
NETWORKS: list[Case] = [
    (lambda: trainer(optimizer=mpsnn.Adam), TypeError,
     "optimizer: must be one such as Adam(), got <class 'mpsnn.optim.Adam'>"),
    (lambda: trainer(export=3), TypeError, "trainer: export must map names to Values, got 3"),
    (lambda: trainer(export=[1]), TypeError, "trainer: export must map names to Values, got [1]"),
    (lambda: nets.trainer(3), TypeError,
     "trainer: backend must be one of backend_names(), got 3"),
    (lambda: nets.trainer(0), TypeError, "trainer: backend must be one of backend_names(), got 0"),
    (lambda: predictor(backend=3), TypeError,
     "predictor: backend must be one of backend_names(), got 3"),
    (lambda: predictor(weights=LISTS), TypeError,
     "weights['d.bias']: must be a numpy array, got list"),
]  # fmt: skip


@pytest.mark.parametrize("state", [3, None, [1]])
def test_a_state_that_is_no_mapping_is_refused_and_changes_nothing(state: object) -> None:
    t = trainer()
    before = t.state_dict()
    message = f"load_state_dict: state must map names to arrays, got {type(state).__name__}"
    for strict in (True, False):
        with pytest.raises(TypeError, match=message):
            t.load_state_dict(state, strict=strict)
    for name, value in t.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


IMAGES = np.zeros((4, 2), np.float32)
REAL = "must be a number, got "
NUMBERS: list[Case] = [
    (lambda: mpsnn.Adam(np.complex64(1 + 2j)), TypeError, f"adam: learning_rate {REAL}"),
    (lambda: mpsnn.Adam(np.array([1.0, 2.0])), TypeError, f"adam: learning_rate {REAL}array([1., "),
    (lambda: mpsnn.Constant("a"), TypeError, f"constant: value {REAL}'a'"),
    (lambda: mpsnn.Constant(np.inf), ShapeError, "constant: value must be finite, got inf"),
    (lambda: mpsnn.Orthogonal("a"), TypeError, f"orthogonal: gain {REAL}'a'"),
    (lambda: mpsnn.Orthogonal(np.nan), ShapeError, "orthogonal: gain must be finite, got nan"),
    (lambda: layers.PReLU(np.inf)(Graph().input(3)), ShapeError,
     "prelu: slope must be finite, got inf"),
    (lambda: mpsnn.Loader(IMAGES, None, 2, mean=1 + 2j), TypeError,
     "loader: mean must be numbers, got (1+2j)"),
    (lambda: mpsnn.Loader(IMAGES, None, 2, deviation=np.array([1, 2j])), TypeError,
     "loader: deviation must be numbers, got array("),
    (lambda: mpsnn.Loader(IMAGES, None, 2, mean=[[1], [1, 2]]), ShapeError,
     "loader: mean must be numbers in rows of one length, got [[1], [1, 2]]"),
]  # fmt: skip


BATCHES: list[Case] = [
    (lambda: mpsnn.batches([1], IMAGES, 2), TypeError, "images: must be a numpy array, got list"),
    (lambda: mpsnn.batches(IMAGES, [1], 2), TypeError, "labels: must be a numpy array, got list"),
    (lambda: mpsnn.batches(IMAGES[0, 0], None, 2), TypeError, "images: must be a numpy array"),
    (lambda: mpsnn.batches(np.array(1), None, 2), ShapeError,
     "batches: images must be (N, ...), got ()"),
    (lambda: mpsnn.batches(IMAGES, None, 2, seed=-1), ShapeError,
     "seed: must be from 0 to 2**64 - 1, got -1"),
    (lambda: mpsnn.batches(IMAGES, None, 2, seed=(3, -1), shuffle=False), ShapeError,
     "seed: must be from 0 to 2**64 - 1, got -1"),
    (lambda: mpsnn.batches(IMAGES, None, 2, seed=1.5), TypeError,
     "seed: must be an integer, got 1.5"),
    (lambda: mpsnn.batches(IMAGES, None, 2, seed="a"), TypeError,
     "seed: must be an integer, got 'a'"),
]  # fmt: skip


BOX, RAGGED = [[0, 0, 1, 1]], [[0, 0, 1, 1], [1]]
ROWS = "must be numbers in rows of one length, got "
IMAGE = np.zeros((4, 4, 3), np.uint8)
GRID = Grid(2, 2, 16, ((1.0, 1.0),))
CELLS = np.zeros((3, *GRID.shape), np.float32)
CELLS[1, 0, 1, 4] = np.nan
DETECTION: list[Case] = [
    (lambda: detection.nms("abc", [1]), TypeError, "nms: boxes must be numbers, got 'abc'"),
    (lambda: detection.nms(RAGGED, [1, 2]), ShapeError, f"nms: boxes {ROWS}[[0, 0, 1, 1], [1]]"),
    (lambda: detection.nms(BOX, ["b"]), TypeError, "nms: scores must be numbers, got ['b']"),
    (lambda: detection.nms(BOX, [[1], [2, 3]]), ShapeError, f"nms: scores {ROWS}"),
    (lambda: detection.nms(BOX, [1], ["cat"]), TypeError,
     "nms: classes must be numbers, got ['cat']"),
    (lambda: detection.nms({}, [1]), TypeError, "nms: boxes must be numbers, got {}"),
    (lambda: detection.iou(BOX, RAGGED), ShapeError, f"iou: b {ROWS}"),
    (lambda: detection.encode(RAGGED, GRID), ShapeError, f"encode: boxes {ROWS}"),
    (lambda: detection.decode(CELLS, GRID), ShapeError,
     "decode: cells must be numbers, got nan in picture 1"),
    (lambda: detection.decode("cells", GRID), TypeError, "decode: cells must be numbers, got "),
    (lambda: Grid(2, 2, 16, ((1, 2), (1, np.inf))), ShapeError,
     "grid: anchors must be pairs greater than 0 and finite, got ((1, 2), (1, inf))"),
    (lambda: Grid(2, 2, 16, ((1, 2), (1,))), ShapeError, f"grid: anchors {ROWS}((1, 2), (1,))"),
    (lambda: Grid(2, 2, 16, "ab"), TypeError, "grid: anchors must be numbers, got 'ab'"),
    (lambda: detection.relight(IMAGE, np.nan, 0.0), ShapeError,
     "relight: gain must be one finite number, or one for each channel of image (4, 4, 3), got n"),
    (lambda: detection.relight(IMAGE, 1.0, np.inf), ShapeError,
     "relight: offset must be one finite number"),
    (lambda: detection.relight(IMAGE, [1.0, 2.0], 0.0), ShapeError, "(4, 4, 3), got [1.0, 2.0]"),
    (lambda: detection.relight(IMAGE, 2j, 0.0), TypeError, "relight: gain must be numbers, got 2j"),
]  # fmt: skip


CASES = [*WEIGHTS, *NETWORKS, *NUMBERS, *BATCHES, *DETECTION]


@pytest.mark.filterwarnings("default")  # of numpy, which drops what is imaginary with a warning
@pytest.mark.parametrize(("make", "kind", "message"), CASES, ids=[case[2][:50] for case in CASES])
def test_what_cannot_be_is_refused_by_name(
    make: Callable[[], object], kind: type[Exception], message: str
) -> None:
    refused(make, kind, message)
