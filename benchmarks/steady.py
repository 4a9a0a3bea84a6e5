"""Whether the machine is left alone: `--steady GFLOPS` counts only rounds in which it is.

Where other guests share the processors of a host, a machine may run at a third of its speed for
minutes. So a round counts only between two probes, products of square matrices as in
`benchmarks.peak`, that reach so many GFLOP/s; whatever the contestants took in it does not decide.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SIZE = 2048
PRODUCTS = 7  # of which the median is what a probe found
PAUSE = 5.0  # seconds until a machine that was too slow is probed again


class Probe:
    """A process that multiplies when it is asked to, and otherwise sleeps."""

    def __init__(self, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.steady", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
        )  # fmt: skip

    def __call__(self) -> float:
        """GFLOP/s now."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Steadiness:
    """Waits for the machine before a round, and tells afterwards whether the round counts."""

    def __init__(self, probe: Callable[[], float] | None, least: float, patience: float) -> None:
        """Without a probe every round counts."""
        self._probe, self._least = probe, least
        self._end = time.monotonic() + patience
        self._before = 0.0
        self.gflops: list[float] = []  # of rounds that count, the lesser of its two probes
        self.dropped = 0  # rounds that do not count

    def wait(self) -> bool:
        """Until the machine is fast enough; False if there is no more patience."""
        if self._probe is None:
            return True
        while (found := self._probe()) < self._least:
            if time.monotonic() > self._end:
                return False
            time.sleep(PAUSE)
        self._before = found
        return True

    def lasted(self) -> bool:
        """Whether the round that ends now counts."""
        if self._probe is None:
            return True
        found = min(self._before, self._probe())
        if found < self._least:
            self.dropped += 1
            return False
        self.gflops.append(found)
        return True

    def record(self) -> dict[str, Any] | None:
        """For a row of results; nothing if nobody looked."""
        if self._probe is None:
            return None
        return {"least": self._least, "gflops": self.gflops, "dropped": self.dropped}


@contextlib.contextmanager
def steadiness(threads: int, least: float, patience: float) -> Iterator[Steadiness]:
    """With `least` 0, every round counts."""
    probe = Probe(threads) if least else None
    try:
        yield Steadiness(probe, least, patience)
    finally:
        if probe:
            probe.close()


def multiplier(threads: int) -> Callable[[], object]:
    """A product in bfloat16 by PyTorch where it is installed, else in float32 by numpy."""
    try:
        import torch
    except ImportError:
        import numpy as np

        a = np.ones((SIZE, SIZE), np.float32)
        return lambda: a @ a
    torch.set_num_threads(threads)
    one = torch.ones(SIZE, SIZE, dtype=torch.bfloat16)
    return lambda: torch.mm(one, one)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    function = multiplier(int(sys.argv[1]))
    for _ in sys.stdin:
        function()
        took = statistics.median(seconds(function) for _ in range(PRODUCTS))
        print(2e-9 * SIZE**3 / took, flush=True)


if __name__ == "__main__":
    main()
