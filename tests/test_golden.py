from __future__ import annotations

import golden
import numpy as np
import pytest


def load(variant: str) -> golden.Arrays:
    with np.load(golden.FOLDER / f"{variant}.npz", allow_pickle=False) as file:
        return dict(file)


def test_there_is_a_file_for_every_variant() -> None:
    files = {path.stem for path in golden.FOLDER.glob("*.npz")}
    assert files == golden.VARIANTS.keys()


@pytest.mark.parametrize("variant", golden.VARIANTS)
def test_every_backend_computes_the_golden_vectors(variant: str, backend: str) -> None:
    """float32 within 2e-5 of the largest element, as in test_ops; float64 to its last digits."""
    file = load(variant)
    results = golden.computed(variant, file, backend)
    tolerance = 1e-13 if backend == "reference" else 2e-5
    assert results.keys() <= file.keys()
    for name, array in results.items():
        largest = abs(file[name]).max()
        np.testing.assert_allclose(
            array, file[name], rtol=0, atol=tolerance * largest, err_msg=name
        )


TORCH = {"rnn": "RNN", "rnn_relu": "RNN", "lstm": "LSTM", "gru_reset_after": "GRU"}


@pytest.mark.parametrize("variant", TORCH)
def test_pytorch_computes_the_golden_vectors(variant: str) -> None:
    torch = pytest.importorskip("torch")
    file = load(variant)
    tensors = {
        name: torch.tensor(file[name], requires_grad=True)
        for name in file
        if f"grad_{name}" in file
    }
    outputs = unrolled(torch, variant, tensors, file["lengths"].astype(int))
    loss = sum((outputs[name] * torch.tensor(file[f"d{name}"])).sum() for name in outputs)
    loss.backward()
    for name, tensor in outputs.items():
        np.testing.assert_allclose(tensor.detach(), file[name], atol=1e-12, err_msg=name)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor.grad, file[f"grad_{name}"], atol=1e-11, err_msg=name)


def unrolled(torch, variant: str, tensors, lengths):
    """Y and the final states by PyTorch's own layer, whose weights are functions of ours."""
    H = golden.H
    options = {"nonlinearity": "relu"} if variant == "rnn_relu" else {}
    layer = getattr(torch.nn, TORCH[variant])(golden.I, H, batch_first=True, **options).double()
    rows = torch.arange(layer.weight_ih_l0.shape[0])
    second = torch.zeros(len(rows), dtype=torch.float64)
    if variant == "gru_reset_after":  # r, z, n there
        rows = torch.cat([rows[H : 2 * H], rows[:H], rows[2 * H :]])
        second = torch.cat([second[: 2 * H], tensors["recurrent_bias"]])
    weights = {
        "weight_ih_l0": tensors["weight"][rows],
        "weight_hh_l0": tensors["recurrent_weight"][rows],
        "bias_ih_l0": tensors["bias"][rows],
        "bias_hh_l0": second,
    }
    initial = tensors["initial_h"][None]
    if variant == "lstm":
        initial = (initial, tensors["initial_c"][None])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        tensors["x"], torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    y, last = torch.func.functional_call(layer, weights, (packed, initial))
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=golden.T)
    states = last if variant == "lstm" else (last,)
    return {"y": y, **{name: state[0] for name, state in zip("hc", states, strict=False)}}
