"""The passes, on printed graphs, and what they leave unchanged."""

from __future__ import annotations

import numpy as np
import pytest

import mpsnn
from mpsnn import Graph, ShapeError, Value, _core, layers, models


def branches(net: Graph, x: Value, channels: tuple[int, ...] = (8, 16)) -> list[Value]:
    return [net.relu(layers.BatchNorm()(layers.Conv2d(c, 3)(x))) for c in channels]


def classifier(head: Value) -> tuple[Value, Value]:
    """A loss and logits behind an image."""
    net = head.graph
    logits = layers.Dense(3)(head)
    return net.softmax_cross_entropy(logits, net.labels(3)), logits


def lines(graph: _core.Graph, op: str) -> list[str]:
    return [line for line in graph.print().splitlines() if f" {op}(" in line]


def test_a_concat_that_another_reads_becomes_part_of_it() -> None:
    net = Graph()
    a, b, c = (net.input(4, 4, n, name=f"x{n}") for n in (1, 2, 3))
    inner = net.concat([a, b])
    y = net.concat([inner, c, net.relu(inner)])
    only = net.concat([net.concat([a, b]), c])
    other = net.concat([net.concat([a, a], axis=0), net.concat([c, c], axis=0)])
    flat = _core.flatten_concats(net.core)
    assert f"concat(%{a.id.index}, %{b.id.index}, %{c.id.index})" in flat.print()
    # Somebody else reads `inner`, so it stays.
    assert f"concat(%{inner.id.index}, " in flat.print()
    assert lines(flat, "concat")[-1] == lines(net.core, "concat")[-1]  # another axis
    assert (y.shape, only.shape, other.shape) == ((4, 4, 9), (4, 4, 6), (8, 4, 4))


def test_the_gradient_of_a_concat_outlives_it(backend: str) -> None:
    """Nobody reads the concat, and one part's gradient is not wanted."""
    net = Graph()
    a, b = net.input(2, 3), net.input(2, 5)
    y = net.reduce_sum(net.concat([net.concat([a, b]), a]) * 3)
    (da,) = _core.add_gradients(net.core, y.id, [a.id])
    exe = _core.compile(net.core, batch=2, outputs=[da], backend=backend)
    # metal makes a gradient from its forward node, which reads the images.
    read = {v for node in _core.nodes(exe.graph) for v in node.outputs}
    bound = [(v.id, np.zeros((2, *v.shape), np.float32)) for v in (a, b) if v.id in read]
    assert bound == [] or backend == "metal"
    np.testing.assert_array_equal(exe.run(2, bound, [da])[0], np.full((2, 2, 3), 3.0))


def test_gradients_made_before_concats_are_joined_stay_right(backend: str, rng) -> None:
    net = Graph(seed=2)
    x = net.input(4, 4, 2)
    parts = [layers.Conv2d(c, 1)(x) for c in (1, 2, 3)]
    inner = net.concat(parts[:2])
    loss, _ = classifier(net.concat([inner, parts[2]]))
    gradients = {v.label: g for v, g in net.training_graph(loss).items()}
    images = rng.standard_normal((2, 4, 4, 2)).astype(np.float32)
    with mpsnn.Trainer(
        loss, batch=2, backend=backend, optimizer=mpsnn.SGD(1.0), export=gradients
    ) as trainer:
        before = trainer.state_dict()
        exported = trainer.train_step(images, np.array([0, 2])).exported
        after = trainer.state_dict()
    for name, gradient in exported.items():
        np.testing.assert_allclose(before[name] - gradient, after[name], rtol=1e-5, atol=1e-6)


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="a pass of the cpu backend")
def test_producers_write_into_a_concat_and_gradients_read_from_it() -> None:
    net = Graph()
    x = net.input(8, 8, 3)
    joined = net.concat([*branches(net, x), net.max_pool2d(x, 3, stride=1, padding="same")])
    loss, _ = classifier(joined)
    trainer = mpsnn.Trainer(loss, batch=4, backend="cpu")
    norms = lines(trainer.graph, "batch_norm")
    assert len(norms) == 2
    assert all(f"in %{joined.id.index}[{c}:]" in n for c, n in zip((0, 8), norms, strict=True))
    chosen = dict(trainer.implementations())
    assert [how for line, how in chosen.items() if " = concat(" in line] == ["in place"]
    assert [how for line, how in chosen.items() if "concat_gradient(" in line] == ["in place"]


@pytest.mark.parametrize("images", [4, 3])
def test_a_concat_in_place_computes_what_a_copy_does(backend: str, images: int) -> None:
    """`cpu` places it; the reference copies. Odd channels leave a rest in every vector."""
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((images, 8, 8, 3)).astype(np.float32)
    classes = rng.integers(3, size=images)
    results = []
    for name in (backend, "reference"):
        net = Graph(seed=3)
        x = layers.Conv2d(3, 1)(net.input(8, 8, 3))  # so that the pools have gradients
        pools = [net.max_pool2d(x, 3, stride=1, padding="same", edge="zero")]
        pools.append(net.avg_pool2d(x, 2, stride=1, padding="same"))
        inner = net.concat(branches(net, x, (5, 24)))
        loss, logits = classifier(net.concat([inner, *pools, net.relu(x)]))
        trainer = mpsnn.Trainer(loss, logits, batch=4, backend=name, optimizer=mpsnn.SGD(0.1))
        losses = [trainer.train_step(batch, classes).loss for _ in range(3)]
        results.append((*losses, trainer.infer(batch), *trainer.state_dict().values()))
    for ours, reference in zip(*results, strict=True):
        # float32 sums of 64 pixels and 27 channels, through three steps.
        np.testing.assert_allclose(ours, reference, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("images", [4, 3])
def test_a_concat_of_batch_norms_that_nothing_folds(
    backend: str, frozen: bool, images: int, rng
) -> None:
    """In inference, and frozen in training, they have running statistics."""
    batch = rng.standard_normal((images, 4, 5, 3)).astype(np.float32)
    classes = rng.integers(3, size=images)
    results = []
    for name in (backend, "reference"):
        net = Graph(seed=4)
        x = layers.PReLU()(net.input(4, 5, 3))
        norms = [layers.BatchNorm(frozen=frozen)(x), net.relu(layers.BatchNorm(frozen=frozen)(x))]
        loss, logits = classifier(net.softmax(net.concat([*norms, x])))
        trainer = mpsnn.Trainer(loss, logits, batch=4, backend=name, optimizer=mpsnn.SGD(0.1))
        losses = [trainer.train_step(batch, classes).loss for _ in range(3)]
        results.append((*losses, trainer.infer(batch), *trainer.state_dict().values()))
    for ours, reference in zip(*results, strict=True):
        # float32 sums of 80 pixels, through three steps.
        np.testing.assert_allclose(ours, reference, rtol=2e-4, atol=2e-5)


def test_batch_norm_goes_into_the_weights_of_the_layer_before_it() -> None:
    net = Graph()
    x = net.input(6, 6, 3)
    y = layers.BatchNorm()(layers.Conv2d(4, 3, bias=False)(x))
    z = layers.BatchNorm()(layers.Dense(5)(net.relu(y)))
    inference = _core.inference_graph(net.core, [z.id])
    folded = _core.fold_batch_norm(inference, [z.id])
    assert "batch_norm" in inference.print()
    assert not lines(folded, "batch_norm")
    assert len(lines(folded, "fold_batch_norm")) == 2
    # A value that somebody wants stays as it is.
    before = next(n.inputs[0] for n in _core.nodes(net.core) if n.op == "batch_norm")
    assert lines(_core.fold_batch_norm(inference, [z.id, before]), "batch_norm")


@pytest.mark.skipif("cpu" not in mpsnn.backend_names(), reason="a pass of the cpu backend")
def test_folded_weights_follow_training() -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((8, 6, 6, 3)).astype(np.float32)
    classes = rng.integers(3, size=8)
    trainers = []
    for backend in ("cpu", "reference"):
        net = Graph(seed=1)
        y = branches(net, net.input(6, 6, 3), (16,))[0]
        loss, logits = classifier(y)
        trainers.append(
            mpsnn.Trainer(loss, logits, batch=8, backend=backend, optimizer=mpsnn.SGD(0.5))
        )
    for _ in range(3):
        for trainer in trainers:
            trainer.train_step(images, classes)
        ours, reference = (trainer.infer(images) for trainer in trainers)
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)  # float32
    changed = trainers[0].infer(images[:1])
    trainers[0].load_state_dict({k: v * 2 for k, v in trainers[0].state_dict().items()})
    assert np.abs(trainers[0].infer(images[:1]) - changed).max() > 0.1


@pytest.mark.parametrize("backend", mpsnn.backend_names())
def test_inception_v3_fits_well_under_the_sum_of_its_values(backend: str) -> None:
    if backend == "reference":
        pytest.skip("float64 takes twice the memory and says nothing more")
    if backend == "metal":
        pytest.skip("MPSNNGraph plans its memory by itself, and does not tell")
    net = Graph()
    x = net.input(299, 299, 3)
    loss = net.softmax_cross_entropy(models.inception_v3(x), net.labels(1000))
    trainer = mpsnn.Trainer(loss, batch=8, backend=backend, optimizer=mpsnn.SGD())
    report = trainer.memory_report()
    assert report["arena_bytes"] <= 0.6 * report["unshared_bytes"]
    concats = [how for line, how in trainer.implementations() if "concat" in line]
    assert len(concats) == 2 * 11
    assert set(concats) == {"in place"}
    trainer.close()


def test_a_gradient_node_is_made_from_its_forward_node_in_one_line() -> None:
    net = Graph()
    x, w = net.input(5), net.parameter(3, 5)
    y = net.dense(x, w)
    gradients = net.gradient(y, net.softmax(y))
    assert {v.label: g.shape for v, g in gradients.items()} == {x.label: (5,), w.label: (3, 5)}
    assert "dense_gradient(" in str(net)
    with pytest.raises(ShapeError, match=r"gradient: dy must be like y \(3,\), got \(5,\)"):
        net.gradient(y, x)
    with pytest.raises(ShapeError, match="gradient: no gradient passes %0 = input"):
        net.gradient(x, x)
    passed = net.gradient(net.add(x, x), x)
    assert passed[x].shape == (5,)


def test_a_training_graph_gives_the_gradient_of_every_parameter() -> None:
    net = Graph()
    loss, _ = classifier(branches(net, net.input(4, 4, 2), (3,))[0])
    gradients = net.training_graph(loss)
    trainable = [n.label for n in _core.nodes(net.core) if n.trainable]
    assert [v.label for v in gradients] == trainable
    assert all(g.shape == v.shape for v, g in gradients.items())


def test_the_states_of_a_node_have_names() -> None:
    net = Graph()
    x = net.input(4, 4, 2)
    assert net.dropout(x).states["mask"].dtype == "uint8"
    assert set(layers.BatchNorm()(x).states) == {"mean", "variance"}
    assert net.relu(x).states == {}


def test_a_summary_counts_shapes_parameters_and_bytes() -> None:
    net = Graph()
    x = net.input(8, 8, 3, name="image")
    layers.Dense(10, name="head")(layers.Conv2d(4, 3, trainable=False)(x))
    text = net.summary()
    assert "head" in text
    assert "2,570" in text  # 10 * 256 + 10
    assert "1,024" in text  # bytes of 8 x 8 x 4
    assert "2,682 parameters, 2,570 of them trainable" in text


def test_dot_has_a_box_per_node_and_an_arrow_per_value() -> None:
    net = Graph()
    x = net.input(4, name='an "image"')
    net.add(net.relu(x), x)
    dot = net.to_dot()
    assert dot.startswith("digraph {")
    assert dot.count("->") == 3
    assert r"an \"image\"" in dot


def test_only_training_steps_have_gradients_and_masks() -> None:
    net = Graph()
    dropped = net.dropout(net.input(6))
    loss, _ = classifier(dropped)
    for value in (dropped.states["mask"], next(iter(net.training_graph(loss).values()))):
        with pytest.raises(ShapeError, match="outputs: "):
            mpsnn.Trainer(loss, value).infer(np.zeros((1, 6), np.float32))
    with pytest.raises(ShapeError, match=r"trainer: export\['x'\] .* belongs to another graph"):
        mpsnn.Trainer(loss, export={"x": Graph().input(1)})
