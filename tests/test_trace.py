"""The timeline of a loader and a trainer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, layers

Event = dict[str, Any]


def read(trace: mpsnn.Trace, path: Path) -> tuple[dict[str, list[Event]], dict[str, Any]]:
    """The events of each row by its name, and the whole file."""
    trace.save(path)
    whole = json.loads(path.read_text())
    rows: dict[int, str] = {}
    for event in whole["traceEvents"]:
        if event["ph"] == "M" and event["name"] == "thread_name":
            rows[event["tid"]] = event["args"]["name"]
    found: dict[str, list[Event]] = {name: [] for name in rows.values()}
    for event in whole["traceEvents"]:
        if event["ph"] == "X":
            assert event.keys() == {"ph", "pid", "tid", "ts", "dur", "name"}
            assert event["ts"] >= 0
            assert event["dur"] >= 0
            found[rows[event["tid"]]].append(event)
    return found, whole


def named(events: list[Event], start: str) -> list[Event]:
    return [event for event in events if event["name"].startswith(start)]


def within(inner: Event, outer: Event) -> bool:
    begin, end = inner["ts"], inner["ts"] + inner["dur"]
    # Microseconds are written to the nanosecond, and added up in binary.
    return begin >= outer["ts"] - 1e-3 and end <= outer["ts"] + outer["dur"] + 1e-3


def test_a_program_adds_what_it_does_itself(tmp_path: Path) -> None:
    trace = mpsnn.Trace()
    with trace.span("whole"):
        with trace.span("part", 3):
            time.sleep(0.01)
        with pytest.raises(KeyError), trace.span("fails"):
            raise KeyError
    with pytest.raises(ShapeError, match="trace: number must be"), trace.span("x", -1):
        pass
    part, fails, whole = read(trace, tmp_path / "run.json")[0]["caller"]
    assert [part["name"], fails["name"], whole["name"]] == ["part 3", "fails", "whole"]
    assert part["dur"] >= 10_000
    assert within(part, whole)
    assert within(fails, whole)


def test_every_thread_has_a_row_and_every_node_is_within_its_step(
    backend: str, tmp_path: Path
) -> None:
    images, labels = nets.data(64)
    trace = mpsnn.Trace()
    loader = mpsnn.Loader(images, labels, 16, trace=trace)
    with traced(backend, trace) as trainer:
        for batch in loader:
            trainer.train_step(*batch)
        trainer.wait()
        nodes = len(trainer.implementations())
        trainer.infer(images)
    rows, whole = read(trace, tmp_path / "run.json")
    assert whole["otherData"] == {"dropped": 0}
    assert len(trace) == sum(map(len, rows.values()))
    assert [e["name"] for e in rows["loader"]] == [f"prepare batch {i}" for i in range(4)]
    assert len(named(rows["caller"], "wait for a batch")) == 5  # and the end of the epoch
    if backend == "metal":
        return  # which runs whole graphs
    steps = named(rows["engine"], "step ")
    assert [s["name"] for s in steps] == [f"step {i}" for i in range(4)]
    # By the engine, where the caller waits for a place.
    copies = named(rows["caller"], "copy batch ") + named(rows["engine"], "copy batch ")
    copies.sort(key=lambda event: event["ts"])
    assert len(copies) == 4 + len(named(rows["engine"], "infer "))
    for i, step in enumerate(steps):
        assert copies[i]["name"] == f"copy batch {i}"
        assert copies[i]["ts"] + copies[i]["dur"] <= step["ts"] + 1e-3
        if i + 2 < 4:  # two in flight: the third is copied where the first was
            assert copies[i + 2]["ts"] >= step["ts"] + step["dur"] - 1e-3
    outer = ("step ", "infer ", "copy batch ")
    inner = [e for e in rows["engine"] if not e["name"].startswith(outer)]
    assert all(any(within(e, s) for s in steps) for e in inner)
    assert sum(within(e, steps[1]) for e in inner) <= nodes
    assert {"conv2d conv2d_1", "dense_gradient"} <= {e["name"] for e in inner}


def traced(backend: str, trace: mpsnn.Trace) -> mpsnn.Trainer:
    loss, probabilities = nets.small(dropout=0)
    return mpsnn.Trainer(loss, probabilities, batch=16, backend=backend, trace=trace)


class Held(mpsnn.DataSource):
    """Keeps each step that updates it under way until it is let go."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()

    def load(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}

    def update(self, gradient: Any, source: Any) -> None:
        self.began.set()
        assert self.go_on.wait(60)


def test_batches_are_prepared_while_a_step_runs(tmp_path: Path) -> None:
    held, trace, net = Held(), mpsnn.Trace(), Graph()
    x, truth = net.input(8, 8, 1), net.labels(4)
    loss = net.softmax_cross_entropy(layers.Dense(4, source=held)(x), truth)
    images, labels = nets.data(128)
    batches = iter(mpsnn.Loader(images, labels, 16, prefetch=2, trace=trace))
    with mpsnn.Trainer(loss, batch=16, backend="reference", trace=trace) as trainer:
        step = trainer.train_step(*next(batches))
        assert held.began.wait(60)
        assert len(list(batches)) == 7
        assert not step.done()
        held.go_on.set()
        step.wait()
    rows, _ = read(trace, tmp_path / "run.json")
    (run,) = named(rows["engine"], "step ")
    # When the step began one was taken and two may have been ready.
    assert all(within(prepared, run) for prepared in rows["loader"][3:])
    assert len(rows["loader"]) == 8


def test_a_trace_keeps_the_first_events_and_counts_the_others(tmp_path: Path) -> None:
    trace = mpsnn.Trace(most=3)
    list(mpsnn.Loader(np.zeros((8, 2), np.float32), None, 2, trace=trace))
    assert (len(trace), trace.dropped) == (3, 6)
    assert read(trace, tmp_path / "a.json")[1]["otherData"] == {"dropped": 6}
    with pytest.raises(ShapeError, match="trace: most must be from 0"):
        mpsnn.Trace(most=-1)
    with pytest.raises(FileNotFoundError):
        trace.save(tmp_path / "none" / "a.json")


def test_a_trace_may_outlive_what_it_recorded_and_begin_empty(tmp_path: Path) -> None:
    assert read(mpsnn.Trace(), tmp_path / "a.json")[0] == {}
    trace = mpsnn.Trace()
    images, labels = nets.data(16)
    traced("reference", trace).train_step(images, labels).wait()
    assert "step 0" in [e["name"] for e in read(trace, tmp_path / "b.json")[0]["engine"]]
