"""A contestant in a process of its own: `python -m benchmarks.worker NAME JSON`.

It sets itself up and answers with a line of JSON; then, for each line with a number of steps, it
runs them and answers with their wall time in seconds and the process's peak resident memory since
it was set up. With `--check` it answers once, with its first results. What libraries print goes to
standard error.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.contestant import Contestant, Task

WARM_UP = 5
CHECKED_STEPS = {"train": 3, "infer": 1}  # behind which `benchmarks.check` compares results
WARM_UP_SECONDS = 2.0  # after which no further step of the warm-up begins

FAMILIES = {
    "ours": "ours",
    "torch": "peers_torch",
    "jax": "peers_jax",
    "mlx": "peers_mlx",
    "onnxruntime": "peers_onnx",
    "openvino": "peers_onnx",
}


def claim_processors(threads: int) -> None:
    """As many as there are threads, for libraries that take what they find. Linux only."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def reset_peak() -> None:
    """Forget the peak of resident memory so far, where the system can (Linux).

    What the set-up has freed, such as the arrays that the weights came in, goes back to the system.
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5")


def peak_bytes() -> int:
    """Of resident memory, since `reset_peak` where the system can."""
    file = Path("/proc/self/status")
    if file.exists():
        line = next(x for x in file.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    kib = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kib


def make(name: str, task: Task) -> tuple[Contestant, float]:
    """The contestant before its first step, and when it was begun, its imports done."""
    module = importlib.import_module(f"benchmarks.{FAMILIES[name.split()[0]]}")
    start = time.perf_counter()
    return module.contestant(name, task), start


def warm_up(contestant: Contestant) -> None:
    start = time.perf_counter()
    for _ in range(WARM_UP - 1):
        if time.perf_counter() - start > WARM_UP_SECONDS:
            break
        contestant.run(1)


def measure(contestant: Contestant, steps: int, apart: bool) -> dict[str, Any]:
    """Seconds of all steps; and with `apart`, of each, its result awaited before the next."""
    each = []
    start = time.perf_counter()
    if apart:
        for _ in range(steps):
            before = time.perf_counter()
            contestant.run(1)
            each.append(time.perf_counter() - before)
    else:
        contestant.run(steps)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "each": each, "peak_bytes": peak_bytes()}


def main() -> None:
    # Libraries print; the answers keep the standard output to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, options = sys.argv[1], json.loads(sys.argv[2])
    task = Task(**options)
    claim_processors(task.threads)
    contestant, start = make(name, task)
    if "--check" in sys.argv:
        result = contestant.run(CHECKED_STEPS[task.mode])
        answer = {"parameters": contestant.parameters, "result": result.tolist()}
        answers.write(json.dumps(answer) + "\n")
        return
    contestant.run(1)
    seconds = time.perf_counter() - start
    warm_up(contestant)
    reset_peak()
    answers.write(json.dumps({"first_step_s": seconds, "parameters": contestant.parameters}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(measure(contestant, **request)) + "\n")


if __name__ == "__main__":
    main()
