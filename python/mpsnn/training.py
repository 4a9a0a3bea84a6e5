"""Running a network: batches in, losses out."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mpsnn import _core, arguments
from mpsnn import trace as traces
from mpsnn._core import Device, Error, ShapeError, Step
from mpsnn.binding import (
    Array,
    Evaluation,
    Images,
    Labels,
    LossLabels,
    accuracy,
    bind_batch,
    bind_images,
    values_of,
)
from mpsnn.optim import Adam, Optimizer
from mpsnn.rate import Rate
from mpsnn.reports import Reports
from mpsnn.values import Value
from mpsnn.weights import Weights

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Evaluation", "LossLabels", "Step", "Trainer"]

_ADAM = Adam()


class Trainer(Weights, Reports):
    """A network on a device: training steps, inference, and its weights.

    Training and inference share the weights, which live on the device. Every method may be
    called from any thread. Use it in a `with` statement, or `close` it, to release the
    device's memory at once.

    Args:
        loss: One number, (), per image or, after `batch_mean` and the like, for the batch. Its
            mean over the images is what training makes smaller.
        outputs: What `infer` returns: one value, or several.
        optimizer: Update rule and first learning rate.
        batch: Images per step, at most; smaller ones are padded and cost the same.
        backend: One of `backend_names()`. None: the fastest here.
        seed: Of dropout, 0 to 2**64 - 1.
        threads: Of the host, for kernels. None: as OpenMP decides (OMP_NUM_THREADS).
        nan_policy: With "raise", a step whose loss is not finite fails with `NumericError`
            and changes nothing; with "propagate" it trains on.
        in_flight: Steps submitted and not done, at most.
        export: Values that every training step hands out in `step.exported`, by name:
            intermediate ones, states, gradients made with `Graph.training_graph`.
        device: One of `devices()`, whose backend it then is. None: the backend's own choice.
        precision: Of the values between the nodes, and of the products that make them:
            "float32", "bfloat16" (cpu) or "float16" (cpu, metal). Either
            halves the memory of the values; weights, their updates, statistics, losses and most
            sequences are float32.
        gradient_precision: Of the gradients between the nodes. None: float32 on metal, and on cpu
            the precision of the values, which is the only one there.
        loss_scale: What gradients are multiplied by on their way to the weights, so that small
            ones do not vanish in float16: a number, or "dynamic": a step that overflows is
            skipped and halves it, 2000 good ones double it. None: "dynamic" where gradients are
            float16, as they are with `precision="float16"` on cpu, else 1.
        half_accumulators: Train ops with `accumulator="half"` too, which is meant for inference.
        accumulate: Steps whose mean gradient makes one update: a larger batch in less memory.
            Running statistics, and sources with an update of their own, see every step.
        trace: Records steps, inference, and what the caller waits for.

    Raises:
        ShapeError: If `loss` is not one number or depends on no trainable
            parameter, or a number is not accepted.
        UnsupportedError: If there is no such backend here, or it lacks an op or the precision.
        DeviceError: If there is no such device.
    """

    def __init__(
        self,
        loss: Value,
        outputs: Value | Sequence[Value] | None = None,
        *,
        optimizer: Optimizer = _ADAM,
        batch: int = 32,
        backend: str | None = None,
        seed: int = 0,
        threads: int | None = None,
        nan_policy: Literal["raise", "propagate"] = "raise",
        in_flight: int = 2,
        export: Mapping[str, Value] | None = None,
        accumulate: int = 1,
        device: Device | None = None,
        precision: arguments.Float = "float32",
        gradient_precision: arguments.Float | None = None,
        loss_scale: float | Literal["dynamic"] | None = None,
        half_accumulators: bool = False,
        trace: traces.Trace | None = None,
    ) -> None:
        if not isinstance(loss, Value):
            raise TypeError(f"loss: must be a Value, got {type(loss).__name__}")
        if nan_policy not in ("raise", "propagate"):
            raise ShapeError(f"nan_policy: must be 'raise' or 'propagate', got {nan_policy!r}")
        if isinstance(optimizer, type) or not callable(getattr(optimizer, "core", None)):
            raise TypeError(f"optimizer: must be one such as Adam(), got {optimizer!r}")
        self._graph = loss.graph
        self._single = isinstance(outputs, Value)
        self._outputs = values_of("trainer", outputs)
        self.optimizer = optimizer
        self._threads = (
            0 if threads is None else arguments.integer("trainer", "threads", threads, 1)
        )
        backend, device_id = arguments.backend("trainer", backend, device)
        numbers = arguments.precision("trainer", backend, precision, gradient_precision)
        self._core = _core.Trainer(
            self._graph.core,
            loss.id,
            [self._graph.check("trainer", "outputs", v) for v in self._outputs],
            optimizer=optimizer.core(arguments.integer("trainer", "accumulate", accumulate, 1)),
            batch=arguments.integer("trainer", "batch", batch, 1),
            backend=backend,
            device=device_id,
            precision=numbers,
            scale=arguments.loss_scale(loss_scale, numbers),
            half_accumulators=bool(half_accumulators),
            trace=traces.core("trainer", trace),
            seed=arguments.seed(seed),
            threads=self._threads,
            check_finite=nan_policy == "raise",
            in_flight=arguments.integer("trainer", "in_flight", in_flight, 1),
            exports=self._exports(export),
        )
        self._rate = Rate(self._core, optimizer.learning_rate, accumulate)
        # Callbacks of steps in flight need an interpreter: end them before it does.
        weakref.finalize(self, _finalize, self._core)

    def _exports(self, export: Mapping[str, Value] | None) -> list[tuple[str, _core.ValueId]]:
        if not isinstance(export, Mapping | None):
            raise TypeError(f"trainer: export must map names to Values, got {export!r}")
        return [
            (str(name), self._graph.check("trainer", f"export[{name!r}]", v))
            for name, v in (export or {}).items()
        ]

    def train_step(
        self,
        images: Images,
        labels: Labels | None = None,
        weights: Array | None = None,
        *,
        on_complete: Callable[[Step], None] | None = None,
    ) -> Step:
        """Start one step on 1 to `batch` images, and return at once.

        Blocks only while `in_flight` steps are under way. Arrays are copied before it
        returns, so they may be reused. The gradient is that of the mean loss over the N
        images, whatever their weights.

        Args:
            images: C-contiguous (N, ...), of the input's dtype; or a mapping from each
                input (its Value or name) to such an array where the graph has several.
            labels: Class indices, integers (N,) or (N, H, W); float32 (N, ...) of the shape of
                the labels, such as distributions (N, K); both labels and weights as
                `LossLabels`; or a mapping from each labels (its Value or name) to such where
                the graph has several. None where the loss reads none.
            weights: Of each image's loss, float32 (N,), or of each element's if the labels were
                made so. None: all 1.
            on_complete: Called with the step, on the engine's thread, when it has ended. It
                must not wait for another step.

        Returns:
            The step: `loss`, float32 (N,), or () where the loss is of the batch, and `wait()`
            wait for it, `done()` does not.
            What fails while it runs is raised by `loss` and `wait()`; the trainer stays
            usable. A loss that is not finite has changed nothing; a gradient that is not
            finite ends the step before it is applied, behind the updates of later layers, or
            before all of them where there is a `loss_scale`.

        Raises:
            ShapeError: Naming images, labels or weights. Nothing has run then.
            Error: If the trainer is closed.
        """
        inputs, truth = bind_batch(self._graph, images, labels, weights)
        with self._rate.of_next_step() as rate:
            return self._core.train_step(inputs, *truth, on_complete, rate)

    def infer(self, images: Images) -> Any:
        """Compute the outputs for any number of images, after the steps before it.

        Returns:
            An array (N, ...); a tuple of them if the trainer was made with a sequence.

        Raises:
            ShapeError: Naming images.
            Error: If the trainer has no outputs or is closed.
        """
        if not self._outputs:
            raise Error("infer: the trainer was made without outputs")
        results = self._core.infer(bind_images(self._graph.inputs, images))
        return results[0] if self._single else tuple(results)

    def evaluate(
        self, images: Images, labels: Labels | None = None, weights: Array | None = None
    ) -> Evaluation:
        """Loss and accuracy on any number of images, by the inference graph.

        Dropout is off and batch_norm uses its running statistics. Arguments and errors as
        `train_step`.
        """
        inputs, truth = bind_batch(self._graph, images, labels, weights)
        losses, outputs = self._core.evaluate(inputs, *truth)
        known = outputs and truth[0] is not None
        share = accuracy(outputs[0], LossLabels(*truth)) if known else None
        return Evaluation(float(losses.mean(dtype=np.float64)), share, losses, tuple(outputs))

    @property
    def learning_rate(self) -> float:
        """Of the next step; setting it ends a schedule."""
        return self._rate.current

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate.set(arguments.real("trainer", "learning_rate", rate))

    @property
    def loss_scale(self) -> float:
        """Of the steps so far: see `Trainer`."""
        return self._core.session.loss_scale.value

    @property
    def backend(self) -> str:
        """Name of the backend that runs it."""
        return self._core.backend

    @property
    def batch(self) -> int:
        """Images per step, at most."""
        return self._core.batch

    @property
    def step(self) -> int:
        """Training steps completed, those before a `load` included."""
        return self._core.session.step

    @property
    def seed(self) -> int:
        """Of dropout."""
        return self._core.session.seed

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    def wait(self) -> None:
        """Return when every step submitted so far has ended."""
        self._core.wait()

    def close(self) -> None:
        """Wait for the steps submitted, then release the device's memory. Idempotent."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _finalize(core: _core.Trainer) -> None:
    # Dropped by a callback on the engine's own thread, which cannot wait for itself: the
    # native trainer then goes down on another one.
    with contextlib.suppress(Error):
        core.close()
