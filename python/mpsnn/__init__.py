"""Train and run neural networks as graphs, after Metal Performance Shaders.

Describe a network with `Graph` and `layers`, then run it with `Trainer`:

>>> net = mpsnn.Graph()
>>> x, digit = net.input(28, 28, 1), net.labels(10)
>>> logits = layers.Dense(10)(x)
>>> loss = net.softmax_cross_entropy(logits, digit)
>>> trainer = mpsnn.Trainer(loss, outputs=net.softmax(logits), batch=64)
>>> step = trainer.train_step(images, labels)  # returns at once
"""

from __future__ import annotations

from importlib.metadata import version

from mpsnn.openmp import short_waits

with short_waits():
    from mpsnn import _core as _core  # before all that import it

from mpsnn import data, detection, initializers, layers, models, recurrent, schedules
from mpsnn._core import (
    Device,
    DeviceError,
    Error,
    NumericError,
    ShapeError,
    UnsupportedError,
    backend_names,
    backend_status,
    devices,
)
from mpsnn.binding import Evaluation, LossLabels
from mpsnn.data import batches
from mpsnn.graph import Graph
from mpsnn.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Orthogonal,
    Uniform,
)
from mpsnn.io import CheckpointError
from mpsnn.loader import Loader
from mpsnn.optim import SGD, Adam, AdamW, RMSProp
from mpsnn.peaks import machine_peak
from mpsnn.predictor import Predictor
from mpsnn.profiling import NodeProfile, Profile
from mpsnn.sources import ArraySource, DataSource, FileSource, InitializerSource
from mpsnn.trace import Trace
from mpsnn.training import Step, Trainer
from mpsnn.values import Value

__version__ = version("mpsnn")

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ArraySource",
    "CheckpointError",
    "Constant",
    "DataSource",
    "Device",
    "DeviceError",
    "Error",
    "Evaluation",
    "FileSource",
    "GlorotNormal",
    "GlorotUniform",
    "Graph",
    "HeNormal",
    "HeUniform",
    "InitializerSource",
    "Loader",
    "LossLabels",
    "NodeProfile",
    "NumericError",
    "Orthogonal",
    "Predictor",
    "Profile",
    "RMSProp",
    "ShapeError",
    "Step",
    "Trace",
    "Trainer",
    "Uniform",
    "UnsupportedError",
    "Value",
    "__version__",
    "backend_names",
    "backend_status",
    "batches",
    "data",
    "detection",
    "devices",
    "initializers",
    "layers",
    "machine_peak",
    "models",
    "recurrent",
    "schedules",
]
