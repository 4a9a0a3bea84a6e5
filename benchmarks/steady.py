"""What the machine can do between the rounds, and whether it is left alone: `--steady GFLOPS`.

Where other guests share the processors of a host, a machine may run at a third of its speed for
minutes. So products of square matrices are timed before and after every round, and a row has what
they reached. With `--steady` a round counts only between two that reach so many GFLOP/s; what the
contestants took in it does not decide.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.peak import torch_products

PRODUCTS = 5  # of which the median is what a probe found
SIZES = {"float32": 1024, "bfloat16": 2048}
PAUSE = 5.0  # seconds until a machine that was too slow is probed again

Speeds = dict[str, float]  # GFLOP/s by type; of bfloat16 only where PyTorch has fast ones


class Probe:
    """A process that multiplies when it is asked to, and otherwise sleeps."""

    def __init__(self, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.steady", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
        )  # fmt: skip

    def __call__(self) -> Speeds:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        speeds: Speeds = json.loads(self._process.stdout.readline())
        return speeds

    def close(self) -> None:
        self._process.communicate()


class Steadiness:
    """Waits for the machine before a round, and tells afterwards whether the round counts."""

    def __init__(self, probe: Callable[[], Speeds], least: float = 0.0, patience: float = 0.0):
        self._probe, self._least = probe, least
        self._end = time.monotonic() + patience
        self._before: Speeds = {}
        self.counted: list[Speeds] = []  # of rounds that count, the lesser of the two probes
        self.dropped = 0  # rounds that do not count

    def wait(self) -> bool:
        """Until the machine is fast enough; False if there is no more patience."""
        while not self._suffices(found := self._probe()):
            if time.monotonic() > self._end:
                return False
            time.sleep(PAUSE)
        self._before = found
        return True

    def lasted(self) -> bool:
        """Whether the round that ends now counts."""
        after = self._probe()
        found = {name: min(speed, after[name]) for name, speed in self._before.items()}
        if not self._suffices(found):
            self.dropped += 1
            return False
        self.counted.append(found)
        return True

    def _suffices(self, found: Speeds) -> bool:
        return max(found.values(), default=0.0) >= self._least

    @property
    def condition(self) -> str:
        """What a round needs, for messages."""
        return (
            f"products reached {self._least:g} GFLOP/s (--steady) in no other before the end of "
            "--patience"
        )

    def record(self) -> dict[str, Any]:
        """For a row of results: what products reached, the median of the rounds, and the rest."""
        names = self.counted[0] if self.counted else {}
        speeds = {n: statistics.median(found[n] for found in self.counted) for n in names}
        return {"gflops": speeds, "least": self._least, "dropped": self.dropped}


@contextlib.contextmanager
def steadiness(threads: int, least: float, patience: float) -> Iterator[Steadiness]:
    """With `least` 0, every round counts."""
    probe = Probe(threads)
    try:
        yield Steadiness(probe, least, patience)
    finally:
        probe.close()


def multipliers(threads: int) -> dict[str, Callable[[], object]]:
    """Products by PyTorch where it is installed, else by numpy."""
    try:
        import torch
    except ImportError:
        import numpy as np

        a = np.ones((SIZES["float32"],) * 2, np.float32)
        return {"float32": lambda: a @ a}
    torch.set_num_threads(threads)
    return {name: of(SIZES[name]) for name, of in torch_products().items()}


def speed(name: str, multiply: Callable[[], object]) -> float:
    """GFLOP/s."""
    took = []
    for _ in range(PRODUCTS + 1):
        start = time.perf_counter()
        multiply()
        took.append(time.perf_counter() - start)
    return 2e-9 * SIZES[name] ** 3 / statistics.median(took[1:])


def main() -> None:
    known = multipliers(int(sys.argv[1]))
    for _ in sys.stdin:
        print(json.dumps({name: speed(name, f) for name, f in known.items()}), flush=True)


if __name__ == "__main__":
    main()
