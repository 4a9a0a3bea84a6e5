from __future__ import annotations

import numpy as np
import pytest
from case import Case
from cases import CASES
from gradients import check_gradients
from harness import BATCH, Runner

import mpsnn
from mpsnn import _core

FAST = [name for name in mpsnn.backend_names() if name != "reference"]
SMOOTH = [case for case in CASES if case.differentiable]
IMAGES = [BATCH, BATCH - 1]  # a full batch, and one with a padded image


def mean_loss(run: Runner, labels):
    return lambda *arrays: float(run(labels, *arrays)[0].mean())


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_gradient_matches_finite_differences(case: Case, images: int, rng) -> None:
    run = Runner(case, "reference", images)
    labels, at = run.bindings(rng), run.data(case, rng)
    _, _, *gradients = run(labels, *at)
    check_gradients(mean_loss(run, labels), gradients, at, rng=rng)


@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_a_one_percent_error_in_any_gradient_is_noticed(case: Case, rng) -> None:
    run = Runner(case, "reference")
    labels, at = run.bindings(rng), run.data(case, rng)
    _, _, *gradients = run(labels, *at)
    for i in range(len(gradients)):
        if np.linalg.norm(gradients[i]) < 1e-9:  # a shift that batch_norm removes again
            continue
        wrong = [g * 1.01 if k == i else g for k, g in enumerate(gradients)]
        with pytest.raises(AssertionError, match=f"argument {i}"):
            check_gradients(mean_loss(run, labels), wrong, at, rng=rng)


def assert_close(ours, reference, what: str, tolerance: float = 2e-5) -> None:
    """Within 2e-5 of the largest element.

    float32 rounds each product to 6e-8; the longest sums here have 4,000 terms, and a
    rounding error grows with their square root, to 4e-6; two such ops in a row and the
    cancellation in batch_norm's gradient take what is left.
    """
    scale = np.abs(reference).max()
    np.testing.assert_allclose(ours, reference, rtol=0, atol=tolerance * scale + 1e-9, err_msg=what)


@pytest.mark.parametrize(("images", "batch"), [*((n, BATCH) for n in IMAGES), (1, 1)])
@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_backend_agrees_with_reference(case: Case, fast: str, images: int, batch: int) -> None:
    results = []
    for backend in (fast, "reference"):
        rng = np.random.default_rng(0)
        run = Runner(case, backend, images, batch)
        results.append(run(run.bindings(rng), *run.data(case, rng)))
    names = ["loss", "y", *(f"gradient {i}" for i in range(len(results[0]) - 2))]
    # The gradient of MPS's half accumulation is that of weights rounded to 2^-11.
    halves = fast == "metal" and not case.differentiable
    for name, ours, reference in zip(names, *results, strict=True):
        assert_close(ours, reference, name, 2**-10 if halves else 2e-5)


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_inference_agrees_with_reference(case: Case, fast: str) -> None:
    results = []
    for backend in (fast, "reference"):
        rng = np.random.default_rng(0)
        run = Runner(case, backend)
        y = run.y if not case.loss else run.loss
        core = _core.inference_graph(run.graph.core, [y.id])
        exe = _core.compile(core, batch=BATCH, outputs=[y.id], backend=backend)
        data = run.data(case, rng)
        known = {name for name, *_ in exe.session.variables()}
        for value, array in zip(run.parameters, data[len(run.inputs) :], strict=True):
            if value.label in known:
                exe.session.write({value.label: array.astype(run.dtype)})
        for name in known & {"mean", "variance"}:
            size = run.shape_of(name)[0]
            exe.session.write({name: np.linspace(0.5, 1.5, size, dtype=run.dtype)})
        bound = [
            (v.id, a.astype(run.dtype))
            for v, a in zip(run.inputs, data[: len(run.inputs)], strict=True)
        ]
        labels = run.bindings(rng, core)
        results.append(exe.run(BATCH, [*bound, *labels], [y.id])[0])
    assert_close(*results, "y")


@pytest.mark.parametrize("backend", mpsnn.backend_names())
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_output_can_be_all_that_is_wanted(case: Case, backend: str, rng) -> None:
    """Outputs and gradients that nobody reads are absent, and kernels do without them."""
    run = Runner(case, backend)
    labels, data = run.bindings(rng), run.data(case, rng)
    whole = run(labels, *data)
    states = [v.id for v in run.y.states.values()]
    for wanted in (*states, *run.gradients):
        exe = _core.compile(run.graph.core, batch=BATCH, outputs=[wanted], backend=backend, seed=7)
        read = {v for node in _core.nodes(exe.graph) for v in node.outputs}
        bound = [(v.id, a) for v, a in zip(run.inputs, data[: len(run.inputs)], strict=True)]
        bound = [(v, np.array(a, run.dtype, order="C")) for v, a in bound]
        known = {name for name, *_ in exe.session.variables()}
        for value, array in zip(run.parameters, data[len(run.inputs) :], strict=True):
            if value.label in known:
                exe.session.write({value.label: np.array(array, run.dtype, order="C")})
        if "variance" in known:
            exe.session.write({"variance": np.ones(run.shape_of("variance"), run.dtype)})
        (alone,) = exe.run(BATCH, [(v, a) for v, a in [*bound, *labels] if v in read], [wanted])
        if wanted in run.gradients:
            assert_close(alone, whole[2 + run.gradients.index(wanted)], "alone")


def test_every_op_has_a_case() -> None:
    # Every case has sources and an initial gradient; test_optimizers has the updates, and
    # test_passes what only a pass makes.
    elsewhere = {"sources", "updates"}
    ops = [name for family, name, _ in _core.vocabulary() if family not in elsewhere]
    counts = {op: sum(c.op == op for c in CASES) for op in ops}
    del counts["initial_gradient"], counts["fold_batch_norm"], counts["cast"]
    assert {op for op, n in counts.items() if n < 2} == set()
    assert {c.op for c in CASES} == counts.keys()
