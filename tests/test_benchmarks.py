"""The benchmarks: contestants take turns, what is compared is alike, and what is kept is short."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mpsnn

pytest.importorskip("benchmarks", reason="these tests are not in a source tree")
from benchmarks import contestants, driver, measure, networks, ours, peak, steady, table
from benchmarks.contestant import Task
from benchmarks.driver import Plan
from benchmarks.steady import Steadiness
from benchmarks.workloads import WORKLOADS

# A worker whose steps take no time: it says what the options tell it, and writes down its turns.
WORKER = """
import json, sys, time
name, log = sys.argv[1:]
if name.endswith("dead"):
    sys.exit("no such library")
if name.endswith("late"):
    time.sleep(60)
print(json.dumps({"first_step_s": 1.0, "parameters": 7}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    seconds = request["steps"] * {"quick": 1, "slow": 4, "hopeless": 60}.get(name.split()[-1], 1)
    with open(log, "a") as file:
        file.write(name + chr(10))
    each = [0.001] * request["steps"] if request["apart"] else []
    print(json.dumps({"seconds": seconds, "each": each, "peak_bytes": 5}), flush=True)
"""
TASK = Task("digits", "train", 64, 1)


@pytest.fixture
def turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of workers that stand in for those of the libraries."""
    worker, log = tmp_path / "worker.py", tmp_path / "turns"
    worker.write_text(WORKER)
    command = [sys.executable, str(worker)]
    monkeypatch.setattr(driver, "command", lambda name, *_: [*command, name, str(log)])
    return log


def test_contestants_take_turns(turns: Path) -> None:
    names = ["ours float32", "torch a", "torch b"]
    measured, missing = driver.alternate(names, TASK, Plan(rounds=3, seconds=0.1))
    assert not missing
    assert turns.read_text().splitlines()[-9:] == names * 3
    assert [m.ms for m in measured.values()] == [[1e3] * 3] * 3


def test_peers_far_behind_the_best_are_measured_no_further_and_ours_always_is(turns: Path) -> None:
    names = ["ours hopeless", "torch quick", "torch slow", "torch hopeless"]
    measured, _ = driver.alternate(names, TASK, Plan(rounds=5, seconds=0.1))
    assert [len(m.ms) for m in measured.values()] == [5, 5, 2, 1]
    assert [bool(m.stopped) for m in measured.values()] == [False, False, True, True]


def test_a_peer_in_float32_is_not_stopped_by_one_in_less(turns: Path) -> None:
    names = ["ours float32", "torch autocast+quick", "torch slow"]
    measured, _ = driver.alternate(names, TASK, Plan(rounds=3, seconds=0.1))
    assert not measured["torch slow"].stopped


def test_peers_that_fail_are_missing_with_their_reason(turns: Path) -> None:
    names = ["ours float32", "jax dead", "mlx late"]
    measured, missing = driver.alternate(names, TASK, Plan(rounds=2, seconds=0.1, timeout=5.0))
    assert list(measured) == ["ours float32"]
    assert missing == {"jax dead": "no such library", "mlx late": "no answer in 5 s"}


def test_steps_are_timed_one_by_one_for_ours_and_the_best_peers(turns: Path) -> None:
    names = ["ours float32", "torch quick", "torch slow"]
    plan = Plan(rounds=2, seconds=0.1, latencies=4)
    measured, _ = driver.alternate(names, TASK, plan)
    assert [len(m.latencies_ms) for m in measured.values()] == [4, 4, 0]


def steadiness(patience: float, *speeds: float) -> Steadiness:
    """Of a machine that is found to be so fast, one time after the other."""
    found = iter(speeds)
    return Steadiness(lambda: {"float32": 1.0, "bfloat16": next(found)}, 5, patience)


def test_a_round_counts_between_two_products_that_are_fast_enough(
    turns: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "PAUSE", 0.0)
    machine = steadiness(600, 1, 9, 8, 9, 1, 7, 9)  # waits; counts; does not; counts
    names = ["ours float32", "torch a"]
    measured, _ = driver.alternate(names, TASK, Plan(rounds=2, seconds=0.1), machine)
    assert turns.read_text().splitlines()[-6:] == names * 3
    assert [len(m.ms) for m in measured.values()] == [2, 2]
    speeds = {"float32": 1.0, "bfloat16": 7.5}
    assert machine.record() == {"gflops": speeds, "least": 5, "dropped": 1}


def test_a_comparison_without_two_rounds_that_count_gives_no_row(turns: Path) -> None:
    with pytest.raises(SystemExit, match=r"count: 1 of 2; products reached 5 GFLOP/s"):
        driver.alternate(["ours float32"], TASK, Plan(2, 0.1), steadiness(0, 9, 9, 1))


def test_a_probe_multiplies_in_a_process_of_its_own() -> None:
    with steady.steadiness(1, 0.0, 0.0) as machine:
        assert machine.wait()
        assert machine.lasted()
    gflops = machine.record()["gflops"]
    assert gflops["float32"] > 0


@pytest.mark.parametrize(
    ("extensions", "types"),
    [
        (["avx2"], ["float32"]),
        (["avx2", "avx512f"], ["float32", "bfloat16"]),
        ([], ["float32", "bfloat16"]),  # no x86: nothing is known of it
    ],
)
def test_a_probe_does_not_multiply_by_plain_loops(
    extensions: list[str], types: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peak.machine, "description", lambda: {"extensions": extensions})
    assert peak.fast_types() == types


def test_float32_is_compared_with_float32_and_bfloat16_with_everything() -> None:
    both = contestants.peers("digits", "train", ["bfloat16"])
    single = contestants.peers("digits", "train", ["float32"])
    assert {"torch channels_last+autocast+compile", "jax bfloat16"} <= set(both) - set(single)
    assert not any(contestants.is_reduced(name) for name in single)
    assert contestants.peers("digits", "train", ["float32"], "jax") == ["jax float32"]
    assert contestants.peers("digits", "train", ["float32"], "mlx,jax,-mlx") == ["jax float32"]


def test_fewer_threads_than_processors_are_for_a_section_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = importlib.import_module("benchmarks.__main__")
    monkeypatch.setattr(command, "compare", lambda task, *_, section: [{task.threads: section}])
    monkeypatch.setattr(command.os, "cpu_count", lambda: 4)
    rows: list[dict[str, Any]] = []
    tasks = [Task("digits", "train", 64, threads) for threads in (1, 4)]
    command.measure(tasks, ["float32"], Plan(), rows.append, "table")
    command.measure(tasks[:1], ["float32"], Plan(), rows.append, "sweep")
    assert rows == [{1: "threads"}, {4: "table"}, {1: "sweep"}]


@pytest.mark.parametrize("extensions", [["avx2"], ["avx2", "avx512f"]])
def test_a_table_asks_for_no_precision_that_ours_does_not_have(
    extensions: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[list[str], str, str]] = []
    able = ["float32", "bfloat16"][: len(extensions)]

    def compare(_: Task, precisions: list[str], plan: Plan, **options: str) -> list[dict[str, Any]]:
        asked.append((precisions, options["chosen"], plan.isa))
        return [{"precision": name, "best_peer": "torch a"} for name in precisions if name in able]

    monkeypatch.setattr(table, "compare", compare)
    monkeypatch.setattr(table.machine, "row", lambda _: {"section": "machine"})
    monkeypatch.setattr(table.machine, "description", lambda: {"extensions": extensions})
    table.run(["inception"], 2, Plan(), tmp_path / "rows.jsonl", print)
    assert asked[0] == (["float32", "bfloat16"], "", "")
    assert [chosen for _, chosen, _ in asked[1:3]] == ["all", "torch a"]
    assert all(names == able for names, _, isa in asked[1:] if not isa)
    assert [names for names, _, isa in asked if isa] == [["float32"]] * (len(extensions) - 1)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) > len(able)


@pytest.mark.parametrize("workload", ["digits", "activity", "resnet18"])
def test_our_networks_are_those_that_the_peers_build(workload: str) -> None:
    if "cpu" not in mpsnn.backend_names():
        pytest.skip("the networks take minutes on the reference backend")
    chosen = WORKLOADS[workload]
    contestant = ours.contestant("ours float32", Task(workload, "infer", 1, 1))
    assert contestant.parameters == networks.parameters(chosen.network())
    result = contestant.run(1)
    assert result.shape == (1, *chosen.result)
    assert np.isclose(result.sum(), 1, atol=1e-5)  # ten or fewer probabilities of float32


def test_results_are_kept_with_four_digits(tmp_path: Path) -> None:
    measure.append(tmp_path / "rows", {"ms": [1.23456789], "name": "a", "count": 123456})
    kept = json.loads((tmp_path / "rows").read_text())
    assert kept == {"ms": [1.235], "name": "a", "count": 123456}
