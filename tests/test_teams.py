"""Threads of several engines in one process."""

from __future__ import annotations

import sys

import pytest
from test_concurrency import run

import mpsnn

TEAMS = """
import os, time
import numpy as np
from mpsnn import Graph, Predictor, layers

if "libomp" in open("/proc/self/maps").read():
    raise SystemExit("another runtime than libgomp")
team = max(2, len(os.sched_getaffinity(0)))

def predictor(units):
    g = Graph()
    return Predictor(layers.Dense(units)(g.input(256)), batch=64, backend="cpu", threads=team)

def threads():
    return len(os.listdir("/proc/self/task")) - before

x = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)
before = 0
before = threads()
a, b = predictor(256), predictor(512)
assert threads() == 2  # the engines
first = a.infer(x)
assert threads() == 2 + (team - 1)
b.infer(x)
assert threads() == 2 + 2 * (team - 1)
end = time.monotonic() + 60
while threads() > 2 + (team - 1) and time.monotonic() < end:
    b.infer(x)
assert threads() == 2 + (team - 1)
np.testing.assert_array_equal(a.infer(x), first)
assert threads() == 2 + 2 * (team - 1)
"""


@pytest.mark.skipif(
    "cpu" not in mpsnn.backend_names() or sys.platform != "linux",
    reason="threads are those of the cpu backend, counted in /proc",
)
def test_an_engine_that_rests_while_another_runs_gives_its_threads_back() -> None:
    done = run(TEAMS)
    if "another runtime" in done.stderr:
        pytest.skip(done.stderr)  # Team::matters: others keep spinning
    assert done.returncode == 0, done.stderr


RESTS = """
import os, time
import numpy as np
from mpsnn import Graph, Predictor, layers

def allowed():
    return [sorted(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")]

before = allowed()[0]
g = Graph()
y = layers.LSTM(64)(g.input(40, 16))
x = np.random.default_rng(0).standard_normal((32, 40, 16)).astype(np.float32)
predictor = Predictor(y, batch=32, backend="cpu", threads=len(before))
first = predictor.infer(x)
for _ in range(100):
    time.sleep(0.01)  # until the threads are asleep
    np.testing.assert_array_equal(predictor.infer(x), first)
assert len(allowed()) > len(before)
assert allowed() == [before] * len(allowed())
"""


@pytest.mark.skipif(
    "cpu" not in mpsnn.backend_names() or sys.platform != "linux",
    reason="processors are those that Linux tells of",
)
def test_threads_that_were_moved_after_a_rest_may_run_everywhere_again() -> None:
    done = run(RESTS)
    assert done.returncode == 0, done.stderr
