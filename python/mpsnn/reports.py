"""What a trainer says about its training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpsnn import _core, arguments, profiling
from mpsnn.binding import Array, Images, Labels, bind_batch

if TYPE_CHECKING:
    from mpsnn._core import Graph as Compiled
    from mpsnn.graph import Graph


class Reports:
    """A training step that can be looked at. A base of `Trainer`."""

    _core: _core.Trainer
    _graph: Graph
    _threads: int

    @property
    def compile_seconds(self) -> float:
        """Time that making the training step took: passes, kernels, memory, first weights."""
        return self._core.compile_seconds

    @property
    def busy_seconds(self) -> float:
        """Time that the engine has spent in training steps so far."""
        return self._core.busy_seconds

    @property
    def graph(self) -> Compiled:
        """The training step as it runs, after the backend's passes; print it."""
        return self._core.graph

    def memory_report(self) -> dict[str, int]:
        """Bytes of the training step by use, among them `arena_bytes`: see the guide."""
        return dict(self._core.memory_report())

    def implementations(self) -> list[tuple[str, str]]:
        """Each node of the training step as it is printed, and what runs it."""
        return list(self._core.implementations())

    def profile(
        self,
        steps: int = 10,
        images: Images | None = None,
        labels: Labels | None = None,
        weights: Array | None = None,
    ) -> profiling.Profile:
        """Time every node of the training step, and compare it with this machine's peak.

        Weights, optimizer state, step and dropout stay as they are, bit for bit: each step starts
        from what the one before left, and at the end all is put back. Print the result.

        Args:
            steps: How many are timed, behind one that warms up.
            images: A batch of your own; None, numbers of no meaning.
            labels: Of these images.
            weights: Of these labels.

        Raises:
            ShapeError: If steps are less than 1, or naming images, labels or weights.
            UnsupportedError: If the backend does not run node by node, as metal; or a data source
                updates itself, which cannot be put back.
            Error: If generated images do not fit the network; or the trainer is closed.
        """
        steps = arguments.integer("profile", "steps", steps, 1)
        own = images is not None
        if images is None:
            images = profiling.generated_images(self._graph.inputs, self._core.batch)
            labels = profiling.generated_labels(self._graph, self._core.batch)
        inputs, truth = bind_batch(self._graph, images, labels, weights)

        def run(count: int) -> _core.Profile:
            return self._core.profile(inputs, *truth, count)

        return profiling.measure(
            run if own else profiling.explained(run),
            steps,
            backend=self._core.backend,
            batch=self._core.batch,
            threads=self._threads,
            compile_seconds=self.compile_seconds,
            memory=self.memory_report(),
        )
