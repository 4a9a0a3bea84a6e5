"""What every node of a graph takes: time, arithmetic and bytes, and how near that is to the peak."""

from __future__ import annotations

import io
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mpsnn import _core
from mpsnn._core import Error, ShapeError, UnsupportedError
from mpsnn.binding import Array
from mpsnn.values import Value

if TYPE_CHECKING:
    from mpsnn.graph import Graph

LONGEST = 25  # characters of an implementation in a table
SECONDS_AT_ONCE = 0.5  # in the engine, where Ctrl-C is not heard

Limit = Literal["float32", "bfloat16", "float16", "copy"]


@dataclass(frozen=True)
class NodeProfile:
    """One node that ran.

    Attributes:
        node: Its line in the printed graph.
        op: Its op, for example "conv2d" or "conv2d_gradient".
        label: Its name; of a gradient node, that of the node whose gradient it is.
        implementation: What runs it, as in `implementations()`.
        calls: How often it ran, in all steps.
        seconds: Of one call, the median.
        share: Of the time that the nodes of a step take; the shares of a profile sum to 1.
        flops: Of one call: two per multiply-add of a matrix product, 0 for other arithmetic.
        bytes: Of one call: the values that it reads and writes, each once.
        gflops: Billions of `flops` per second; None where it has none.
        gigabytes: Billions of `bytes` per second; None where it has none.
        limit: Which peak it is compared to: that of products in this type, or of "copy", memory.
        percent_of_peak: 100 at the peak of `limit`; above it where values stay in the caches, or
            where a convolution takes fewer multiplications than it counts (mpsnn:winograd).
    """

    node: str
    op: str
    label: str
    implementation: str
    calls: int
    seconds: float
    share: float
    flops: int
    bytes: int
    gflops: float | None
    gigabytes: float | None
    limit: Limit
    percent_of_peak: float | None


@dataclass(frozen=True)
class Profile:
    """What the nodes of a few steps, or runs of an inference, took. Print it.

    Attributes:
        backend: That ran it.
        batch: Images per step, padding included.
        steps: How many.
        step_seconds: Of one step in the engine, from its first node to the end of its last; the
            median.
        nodes: Those that ran, in that order.
        peak_gflops: What products of matrices reach on this machine, by type, where a node needs it.
        peak_gigabytes: What copying reaches, reads and writes together, in 10**9 bytes per second.
        compile_seconds: As `Trainer.compile_seconds`; None of an inference.
        memory: As `memory_report` of the trainer or predictor has it.
    """

    backend: str
    batch: int
    steps: int
    step_seconds: float
    nodes: tuple[NodeProfile, ...]
    peak_gflops: Mapping[str, float]
    peak_gigabytes: float
    compile_seconds: float | None
    memory: Mapping[str, int]

    def table(self, limit: int | None = 20) -> str:
        """The nodes that took longest, most first; None: all of them.

        Times and bytes are of one step. What is too long for the page ends in dots: see `nodes`.
        """
        from rich.console import Console  # here, because importing it takes a while
        from rich.table import Table

        table = Table(title=self._title(), title_justify="left", caption_justify="left")
        table.add_column("node", overflow="fold")
        for column in ("ms", "share", "GFLOP/s", "MB", "% of peak"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("implementation", overflow="fold")
        ordered = sorted(self.nodes, key=lambda n: -n.share)
        shown = ordered if limit is None else ordered[:limit]
        for n in shown:
            table.add_row(*self._cells(n))
        if rest := ordered[len(shown) :]:
            ms, share = sum(self._ms(n) for n in rest), sum(n.share for n in rest)
            table.add_row(f"{len(rest)} more", f"{ms:.3f}", f"{share:.1%}", "", "", "", "")
        table.caption = self._caption()
        text = io.StringIO()
        Console(file=text, width=112, color_system=None).print(table)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"

    __str__ = table

    def as_dict(self) -> dict[str, Any]:
        """All of it, in plain types."""
        return {**asdict(self), "nodes": [asdict(n) for n in self.nodes]}

    def to_json(self) -> str:
        """`as_dict` as JSON."""
        return json.dumps(self.as_dict())

    def _ms(self, n: NodeProfile) -> float:
        """Of a step. A node that only follows changed weights runs in some of them."""
        return n.seconds * n.calls / self.steps * 1e3

    def _cells(self, n: NodeProfile) -> tuple[str, ...]:
        name = n.op if n.label in ("", n.op) else f"{n.op} {n.label}"
        return (
            name,
            f"{self._ms(n):.3f}",
            f"{n.share:.1%}",
            "" if n.gflops is None else f"{n.gflops:,.{0 if n.gflops >= 10 else 1}f}",
            f"{n.bytes * n.calls / self.steps / 1e6:.2f}",
            "" if n.percent_of_peak is None else f"{n.percent_of_peak:.0f} {n.limit}",
            n.implementation
            if len(n.implementation) <= LONGEST
            else n.implementation[:LONGEST] + "...",
        )

    def _title(self) -> str:
        return (
            f"{self.steps} steps of {self.batch} images on {self.backend}: "
            f"{self.step_seconds * 1e3:.3f} ms each"
        )

    def _caption(self) -> str:
        peaks = [f"{gflops:,.0f} GFLOP/s {name}" for name, gflops in self.peak_gflops.items()]
        text = f"peaks here: {', '.join([*peaks, f'{self.peak_gigabytes:.1f} GB/s copy'])}"
        if self.compile_seconds is None:
            return text
        arena = self.memory["arena_bytes"] / 1e6
        return f"{text}\ncompiled in {self.compile_seconds:.3f} s, arena of {arena:.1f} MB"


Run = Callable[[int], _core.Profile]
"""Profiles so many steps."""


def gather(run: Run, steps: int) -> tuple[list[tuple[_core.NodeProfile, list[float]]], float]:
    """What `steps` steps take, behind one that warms up.

    A few at a time, so that Ctrl-C is heard.

    Returns:
        Each node, with the seconds of all its calls; and the median of the steps' seconds.
    """
    start = time.monotonic()
    run(1)
    at_once = max(1, int(SECONDS_AT_ONCE / max(time.monotonic() - start, 1e-9)))
    parts = [run(min(at_once, steps - first)) for first in range(0, steps, at_once)]
    of_node: dict[str, list[float]] = defaultdict(list)
    for node in (node for part in parts for node in part.nodes):
        of_node[node.text] += node.seconds
    whole = median([seconds for part in parts for seconds in part.seconds])
    return [(node, of_node[node.text]) for node in parts[0].nodes], whole


def measure(
    run: Run,
    steps: int,
    *,
    backend: str,
    batch: int,
    threads: int,
    memory: Mapping[str, int],
    compile_seconds: float | None = None,
) -> Profile:
    """The profile of `steps` steps, compared with the peaks of this machine."""
    from mpsnn import peaks  # here, because it runs networks of its own

    times, whole = gather(run, steps)
    gigabytes = peaks.copy_gigabytes(backend, threads)
    gflops = {
        dtype: peaks.product_gflops(backend, dtype, threads)
        for dtype in ("float32", "bfloat16", "float16")
        if any(node.flops and node.dtype == dtype for node, _ in times)
    }
    total = sum(median(seconds) * len(seconds) for _, seconds in times)
    rows = tuple(_row(node, seconds, total, gflops, gigabytes) for node, seconds in times)
    return Profile(backend, batch, steps, whole, rows, gflops, gigabytes, compile_seconds, memory)


def _row(
    n: _core.NodeProfile,
    times: list[float],
    total: float,
    peak_gflops: Mapping[str, float],
    peak_gigabytes: float,
) -> NodeProfile:
    seconds = median(times)

    def billions(amount: int) -> float | None:
        return amount / seconds / 1e9 if amount and seconds else None

    gflops, gigabytes = billions(n.flops), billions(n.bytes)
    limit: Any = n.dtype if n.flops else "copy"
    reached, peak = (gflops, peak_gflops[n.dtype]) if n.flops else (gigabytes, peak_gigabytes)
    return NodeProfile(
        node=n.text,
        op=n.op,
        label=n.label,
        implementation=n.implementation,
        calls=len(times),
        seconds=seconds,
        share=seconds * len(times) / total,
        flops=n.flops,
        bytes=n.bytes,
        gflops=gflops,
        gigabytes=gigabytes,
        limit=limit,
        percent_of_peak=None if reached is None else 100 * reached / peak,
    )


def generated_images(inputs: list[Value], batch: int) -> dict[Value | str, Array]:
    """Numbers for each input: normal ones; of a uint8 any, and of an int32 zeros."""
    generator = np.random.default_rng(0)
    made: dict[Value | str, Array] = {}
    for value in inputs:
        shape = (batch, *value.shape)
        dtype = value.graph.input_dtypes[value]
        if dtype == "uint8":
            made[value] = generator.integers(0, 256, shape, np.uint8)
        elif dtype == "int32":
            made[value] = np.zeros(shape, np.int32)
        else:
            made[value] = generator.standard_normal(shape, np.float32)
    return made


def generated_labels(graph: Graph, batch: int) -> dict[Value | str, Any]:
    """Class indices for labels (K,), and numbers from 0 to 1 for others."""
    generator = np.random.default_rng(1)
    made: dict[Value | str, Any] = {}
    for value in graph.label_inputs:
        if len(value.shape) == 1:
            made[value] = generator.integers(0, value.shape[0], batch, np.int32)
        else:
            made[value] = generator.random((batch, *value.shape), np.float32)
    return made


def explained(run: Run) -> Run:
    """`run` on generated data, which some networks cannot take."""

    def checked(steps: int) -> _core.Profile:
        try:
            return run(steps)
        except UnsupportedError:
            raise
        except (ShapeError, _core.NumericError) as error:
            raise Error(
                f"profile: the network does not take generated data, so pass your own: {error}"
            ) from error

    return checked
