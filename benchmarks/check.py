"""Whether every contestant computes the same network.

Each gets the same weights and images. Compared are the number of parameters, the outputs of one
batch, and, where nothing is random, the loss after three steps of training.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import contestants, driver
from benchmarks.contestant import Mode, Task
from benchmarks.worker import CHECKED_STEPS
from benchmarks.workloads import WORKLOADS

BATCH = 2
# Of the largest output or of the loss. Float32 differs by the order of its sums, which batch norm
# over two images magnifies in training. bfloat16 has 8 bits, and rounds at each of up to 100 layers.
TOLERANCE = {
    ("infer", False): 1e-4,
    ("train", False): 2e-3,
    ("infer", True): 0.1,
    ("train", True): 0.1,
}


def check(
    workloads: list[str], chosen: str, pythons: Mapping[str, str], say: Callable[[str], None]
) -> bool:
    """Compare all with ours in float32; true if all that are installed agree.

    Without torch.compile, which only runs the same module faster.
    """
    good = True
    for workload in workloads:
        modes: list[Mode] = ["infer"]
        if all(node.op != "dropout" for node in WORKLOADS[workload].network().nodes):
            modes.append("train")
        for mode in modes:
            task = Task(workload, mode, BATCH, 1)
            names = contestants.peers(workload, mode, ["float32", "bfloat16"], chosen)
            names = [name for name in names if "compile" not in name]
            expected = first_results("ours float32", task, pythons)
            for name in ["ours bfloat16", *names]:
                verdict = compare(name, first_results(name, task, pythons), expected, mode)
                good = good and not verdict.startswith("WRONG")
                say(f"{workload} {mode}: {name}: {verdict}")
    return good


def first_results(name: str, task: Task, pythons: Mapping[str, str]) -> dict[str, Any]:
    """Parameters and result, or the reason why there is none."""
    done = subprocess.run(
        [*driver.command(name, task, pythons), "--check"],
        capture_output=True, text=True, check=False, env=driver.environment(name, task),
    )  # fmt: skip
    if done.returncode:
        return {"missing": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(name: str, got: dict[str, Any], expected: dict[str, Any], mode: Mode) -> str:
    """What to say of it; it begins with WRONG if it differs."""
    for answer in (got, expected):
        if "missing" in answer:
            return f"missing: {answer['missing']}"
    if got["parameters"] != expected["parameters"]:
        return f"WRONG: {got['parameters']} parameters, not {expected['parameters']}"
    a, b = np.array(got["result"]), np.array(expected["result"])
    if a.shape != b.shape:
        return f"WRONG: a result {a.shape}, not {b.shape}"
    error = float(np.abs(a - b).max() / np.abs(b).max())
    steps = CHECKED_STEPS[mode]
    tolerance = TOLERANCE[mode, contestants.is_reduced(name)]
    verdict = "the same" if error <= tolerance else "WRONG"
    return f"{verdict}: {got['parameters']} parameters, {error:.1e} off after {steps} step(s)"
