"""Runs contestants in alternation: A B C, A B C, ... in persistent processes."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contestant import Task, variant_of
from benchmarks.contestants import is_reduced
from benchmarks.steady import Steadiness

SLOW = 3.0  # times the best peer: after two rounds in alternation it is measured no further
HOPELESS = 6.0  # times the best peer: so already after its set-up
TRIES = 10  # steps of which the fastest decides how long a round is
MOST_STEPS = 5000
REST = 0.05  # seconds between turns, in which threads of the last one stop waiting for work

ROOT = Path(__file__).parents[1]

ALWAYS = Steadiness(dict)  # every round counts, and nobody looks

# glibc's malloc gives large blocks back to the system, which must then clear them anew: of a variant
# with the word malloc it keeps them, as other allocators do.
KEEPING_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "17179869184",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
}

# What the libraries for products and convolutions read; own loops of a library may not obey.
ISAS = {
    "": {},
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
    "avx512": {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "ATEN_CPU_CAPABILITY": "avx512", "XLA_FLAGS": "--xla_cpu_max_isa=AVX512",
    },
}  # fmt: skip


@dataclass
class Measured:
    """What one contestant took."""

    ms: list[float] = field(default_factory=list)  # per step, one figure a round
    latencies_ms: list[float] = field(default_factory=list)  # of steps one by one
    peak_bytes: int = 0
    first_step_s: float = 0.0
    parameters: int = 0
    stopped: str = ""  # why it was measured no further

    @property
    def median(self) -> float:
        return statistics.median(self.ms)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 7
    seconds: float = 0.5  # of one round of one contestant, about
    timeout: float = 900.0  # seconds for a set-up or a round
    latencies: int = 0  # steps timed one by one at the end, at most
    # Interpreters by family; "" is of all but ours and PyTorch.
    pythons: Mapping[str, str] = field(default_factory=dict)
    isa: str = ""  # of `ISAS`
    steady: float = 0.0  # GFLOP/s without which a round does not count; see `benchmarks.steady`
    patience: float = 600.0  # seconds of a comparison that wait for it


class Process:
    """A worker process. `failure` says why there is none."""

    def __init__(self, name: str, task: Task, plan: Plan) -> None:
        self.measured = Measured()
        self.failure = ""
        self.steps = 1
        self._timeout = plan.timeout
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            command(name, task, plan.pythons),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**environment(name, task), **ISAS[plan.isa]}, start_new_session=True,
        )  # fmt: skip
        ready = self._answer()
        self.measured.first_step_s = ready.get("first_step_s", 0.0)
        self.measured.parameters = ready.get("parameters", 0)

    def run(self, steps: int, *, apart: bool = False) -> dict[str, Any]:
        """Run so many steps; a contestant that dies is out, and answers nothing."""
        if self.failure:
            return {}
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"steps": steps, "apart": apart}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer tells why
        answer = self._answer()
        self.measured.peak_bytes = answer.get("peak_bytes", 0)
        return answer

    def round(self) -> None:
        """Measure `steps` steps."""
        time.sleep(REST)
        answer = self.run(self.steps)
        if answer:
            self.measured.ms.append(answer["seconds"] / self.steps * 1e3)

    def calibrate(self, seconds: float) -> float:
        """Choose the steps of a round that takes about `seconds`. Returns ms per step."""
        took: list[float] = []
        while len(took) < TRIES and sum(took) < seconds:
            answer = self.run(1)
            if not answer:
                return float("inf")
            took.append(answer["seconds"])
        self.steps = min(max(1, round(seconds / min(took))), MOST_STEPS)
        return min(took) * 1e3

    def close(self) -> str:
        """End the process and what it started. Returns the last line of its errors."""
        if self._errors.closed:
            return ""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        with self._errors:
            self._errors.seek(0)
            lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"

    def _answer(self) -> dict[str, Any]:
        """The next line; without any, the contestant has failed."""
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], self._timeout)
        line = self._process.stdout.readline() if ready else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        last = self.close()
        self.failure = last if ready else f"no answer in {self._timeout:.0f} s"
        return {}


def interpreter(name: str, pythons: Mapping[str, str]) -> str:
    """Of the contestant's family; ours and PyTorch run in this one unless they are named."""
    family = name.split()[0]
    other = sys.executable if family in ("ours", "torch") else pythons.get("", sys.executable)
    return pythons.get(family, other)


def command(name: str, task: Task, pythons: Mapping[str, str]) -> list[str]:
    """That runs the contestant's worker."""
    options = json.dumps(task._asdict())
    return [interpreter(name, pythons), "-m", "benchmarks.worker", name, options]


def environment(name: str, task: Task) -> dict[str, str]:
    """Of a worker, which must find this package from any interpreter."""
    count = str(task.threads)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {
        **os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count,
        "TORCHINDUCTOR_COMPILE_THREADS": count,
        **(KEEPING_MALLOC if "malloc" in variant_of(name).split("+") else {}),
    }  # fmt: skip


def alternate(
    names: Sequence[str], task: Task, plan: Plan, machine: Steadiness = ALWAYS,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Measured], dict[str, str]]:  # fmt: skip
    """What every contestant took, and why others are missing. Those named "ours ..." never stop."""
    processes: dict[str, Process] = {}
    try:
        running = _set_up(names, task, plan, processes, say)
        running = _rounds(running, plan.rounds, machine)
        if plan.latencies:
            _time_each_step(running, plan.latencies)
    finally:
        for process in processes.values():
            process.close()
    missing = {name: p.failure for name, p in processes.items() if p.failure}
    return {n: p.measured for n, p in processes.items() if n not in missing}, missing


def _set_up(
    names: Sequence[str], task: Task, plan: Plan, processes: dict[str, Process],
    say: Callable[[str], None],
) -> dict[str, Process]:  # fmt: skip
    """Start everyone's process. Returns those that go on to the rounds."""
    running: dict[str, Process] = {}
    first: dict[str, float] = {}
    for name in names:
        process = processes[name] = Process(name, task, plan)
        first[name] = process.calibrate(plan.seconds)
        say(f"{name}: {process.failure or f'{first[name]:.3g} ms'}")
        if not process.failure:
            running[name] = process
            _stop_slow(running, first, HOPELESS)
    return running


def _rounds(running: dict[str, Process], rounds: int, machine: Steadiness) -> dict[str, Process]:
    """Everyone's turns, until so many rounds count. Returns those that are left.

    Raises:
        SystemExit: If fewer than two rounds counted before the machine's patience was over.
    """
    counted = 0
    while counted < rounds and machine.wait():
        for process in running.values():
            process.round()
        running = {name: p for name, p in running.items() if not p.failure}
        if not machine.lasted():
            for process in running.values():
                process.measured.ms.pop()
            continue
        counted += 1
        if counted == 2:
            medians = {name: p.measured.median for name, p in running.items()}
            _stop_slow(running, medians, SLOW)
    if counted < min(rounds, 2):
        raise SystemExit(f"rounds that count: {counted} of {rounds}; {machine.condition}")
    return running


def best_peers(ms: Mapping[str, float]) -> list[str]:
    """The fastest in float32 and the fastest of all, which may be the same one."""
    peers = [name for name in ms if not name.startswith("ours")]
    classes = ([name for name in peers if not is_reduced(name)], peers)
    best = [min(names, key=lambda name: ms[name]) for names in classes if names]
    return list(dict.fromkeys(best))


def _time_each_step(running: dict[str, Process], most: int) -> None:
    """Of ours and the best peers, for as long as ten rounds take."""
    medians = {name: p.measured.median for name, p in running.items()}
    for name in [*(n for n in running if n.startswith("ours")), *best_peers(medians)]:
        process = running[name]
        each = process.run(min(most, 10 * process.steps), apart=True).get("each", [])
        process.measured.latencies_ms = [seconds * 1e3 for seconds in each]


def _stop_slow(running: dict[str, Process], ms: Mapping[str, float], times: float) -> None:
    """Close the peers that are `times` slower than the best one, to save time and memory."""
    peers = {name: ms[name] for name in running if not name.startswith("ours")}
    single = {name: own for name, own in peers.items() if not is_reduced(name)}
    for name, own in peers.items():
        # A peer in float32 is wanted for the comparison in float32, however slow beside the others.
        if own > times * min((single if name in single else peers).values()):
            process = running.pop(name)
            process.measured.ms = process.measured.ms or [own]
            process.measured.stopped = f"more than {times:g} times slower than the best peer"
            process.close()
