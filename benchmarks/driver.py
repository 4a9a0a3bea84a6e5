"""Runs contestants in alternation: A B C, A B C, ... in persistent processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What one contestant took."""

    ms: list[float] = field(default_factory=list)  # per step, one figure a round
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.ms)


class Contestant:
    """A worker process. `failure` says why there is none."""

    def __init__(self, name: str, options: dict[str, object]) -> None:
        threads = str(options["threads"])
        self.measured = Measured()
        self.failure = ""
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )
        if self._answer() != "READY":
            self._fail()

    def run(self, steps: int) -> None:
        """Measure one round; a contestant that dies is out."""
        assert self.process.stdin
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self._answer()
        if not answer:
            return self._fail()
        result = json.loads(answer)
        self.measured.ms.append(result["seconds"] / steps * 1e3)
        self.measured.peak_bytes = result["peak_bytes"]
        return None

    def close(self) -> None:
        self.process.communicate()

    def _answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def _fail(self) -> None:
        self.process.communicate()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        self.failure = lines[-1] if lines else f"exit status {self.process.returncode}"


def steps_per_round(contestant: Contestant, seconds: float) -> int:
    """So many steps that a round of this contestant takes about `seconds`."""
    contestant.run(3)
    steps = max(3, round(seconds / (contestant.measured.ms.pop() / 1e3)))
    return min(steps, 5000)


def alternate(
    names: Sequence[str], options: dict[str, object], *, rounds: int, seconds: float
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Medians of every contestant, and why others are missing."""
    contestants = {}
    missing = {}
    for name in names:
        contestant = Contestant(name, options)
        if contestant.failure:
            missing[name] = contestant.failure
        else:
            contestants[name] = contestant
    steps = {name: steps_per_round(c, seconds) for name, c in contestants.items()}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            if not contestant.failure:
                contestant.run(steps[name])
    for name, contestant in contestants.items():
        if contestant.failure:
            missing[name] = contestant.failure
        else:
            contestant.close()
    return {n: c.measured for n, c in contestants.items() if n not in missing}, missing
