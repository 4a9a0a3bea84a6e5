"""Running a network that somebody else trains, or has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from mpsnn import _core, arguments, io, profiling
from mpsnn._core import Device, ShapeError, ValueId
from mpsnn.binding import Array, Images, array_of, bind_images, values_of
from mpsnn.training import Trainer
from mpsnn.values import Value


class Predictor:
    """Inference alone: dropout is off, and batch_norm uses its running statistics.

    Weights are known by the names of their parameters, so the graph may be another one than that
    of the training: for other shapes, or for one step of a sequence at a time.

    Args:
        outputs: What `infer` returns: one value, or several.
        weights: A `Trainer` or `Predictor` whose weights it shares, those of later steps too;
            arrays by name, as from `Trainer.state_dict`; or a safetensors file of such. None:
            as the layers draw them.
        batch: Images per run, at most; smaller ones are padded.
        backend: One of `backend_names()`. None: that of `weights`, or the fastest here.
        threads: Of the host, for kernels. None: as OpenMP decides.
        device: As in `Trainer`; not with the weights of one, which are where they are.
        precision: As in `Trainer`.

    Raises:
        ShapeError: If an output is not one per image; or a weight is missing in `weights`, or of
            another shape.
        UnsupportedError: If there is no such backend here, or it lacks an op.
        OSError: If the file cannot be read.
    """

    _core: _core.Predictor

    def __init__(
        self,
        outputs: Value | Sequence[Value],
        *,
        weights: Trainer | Predictor | Mapping[str, Array] | str | PathLike[str] | None = None,
        batch: int = 32,
        backend: str | None = None,
        threads: int | None = None,
        device: Device | None = None,
        precision: arguments.Float = "float32",
    ) -> None:
        self._single = isinstance(outputs, Value)
        values = values_of("predictor", outputs)
        if not values or not all(isinstance(value, Value) for value in values):
            raise TypeError(f"predictor: outputs must be a Value or several, got {outputs!r}")
        self._graph = values[0].graph
        ids = [self._graph.check("predictor", "outputs", value) for value in values]
        needed = _core.inference_graph(self._graph.core, ids)
        self._inputs = [value for value in self._graph.inputs if needed.has(value.id)]
        shared = weights._core if isinstance(weights, Trainer | Predictor) else None
        if shared is not None:
            if device is not None:
                raise ShapeError("predictor: device cannot be chosen for weights that are on one")
            if backend not in (None, shared.backend):
                raise ShapeError(
                    f"predictor: backend {backend}, but weights are on {shared.backend}"
                )
            backend = shared.backend
            _require(needed, {n: tuple(s) for n, s, *_ in shared.session.variables()})
        self._threads = (
            0 if threads is None else arguments.integer("predictor", "threads", threads, 1)
        )
        backend, device_id = arguments.backend("predictor", backend, device)
        self._core = _core.Predictor(
            self._graph.core,
            ids,
            batch=arguments.integer("predictor", "batch", batch, 1),
            backend=backend,
            device=device_id,
            threads=self._threads,
            precision=arguments.precision("predictor", backend, precision),
            session=None if shared is None else shared.session,
        )
        if weights is not None and shared is None:
            arrays = _arrays(weights)
            _require(needed, {name: array.shape for name, array in arrays.items()})
            io.write_variables(self._core.session, arrays, io.MODEL, strict=False)

    def infer(self, images: Images) -> Any:
        """Compute the outputs for any number of images.

        Args:
            images: As in `Trainer.train_step`, but read where they lie: other threads must not
                change them meanwhile.

        Returns:
            An array (N, ...); a tuple of them if it was made with a sequence.

        Raises:
            ShapeError: Naming images.
        """
        results = self._core.infer(self._bind(images))
        return results[0] if self._single else tuple(results)

    __call__ = infer

    def _bind(self, images: Images) -> list[tuple[ValueId, Array]]:
        # One array is enough for one input, whatever others the graph has.
        inputs = self._inputs if isinstance(images, np.ndarray) else self._graph.inputs
        return bind_images(inputs, images)

    def profile(self, runs: int = 10, images: Images | None = None) -> profiling.Profile:
        """Time every node of a run on `batch` images; see `Trainer.profile`.

        Args:
            runs: How many are timed, behind one that warms up.
            images: At most `batch`; None, numbers of no meaning.

        Raises:
            ShapeError: If runs are less than 1, or naming images.
            UnsupportedError: If the backend does not run node by node, as metal.
            Error: If generated images do not fit the network.
        """
        runs = arguments.integer("profile", "runs", runs, 1)
        own = images is not None
        if images is None:
            images = profiling.generated_images(self._inputs, self.batch)
        inputs = self._bind(images)

        def run(count: int) -> _core.Profile:
            return self._core.profile(inputs, count)

        return profiling.measure(
            run if own else profiling.explained(run),
            runs,
            backend=self.backend,
            batch=self.batch,
            threads=self._threads,
            memory=self.memory_report(),
        )

    def memory_report(self) -> dict[str, int]:
        """Bytes of a run on `batch` images by use: see the guide."""
        return dict(self._core.memory_report())

    def state_dict(self) -> dict[str, Array]:
        """Copies of every parameter and running statistic, by name."""
        return io.read_variables(self._core.session, io.MODEL)[1]

    @property
    def backend(self) -> str:
        """Name of the backend that runs it."""
        return self._core.backend

    @property
    def batch(self) -> int:
        """Images per run, at most."""
        return self._core.batch


def _require(graph: _core.Graph, known: Mapping[str, Any]) -> None:
    """That `known` has the shape of every parameter of `graph`."""
    mistakes = []
    for node in _core.nodes(graph):
        if not node.parameter:
            continue
        shape = tuple(graph.shape(node.outputs[0]))
        if node.label not in known:
            mistakes.append(f"missing {node.label} {shape}")
        elif tuple(known[node.label]) != shape:
            mistakes.append(f"{node.label} must be {shape}, got {tuple(known[node.label])}")
    if mistakes:
        raise ShapeError("predictor: weights do not fit: " + "; ".join(mistakes))


def _arrays(weights: object) -> Mapping[str, Array]:
    if isinstance(weights, Mapping):
        for name, array in weights.items():
            array_of(f"weights[{name!r}]", array)
        return weights
    if not isinstance(weights, str | PathLike):
        raise TypeError(
            "predictor: weights must be a Trainer, a Predictor, arrays by name or a path, "
            f"got {type(weights).__name__}"
        )
    return io.read_file(weights)[0]
