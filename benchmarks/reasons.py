"""Notes for the pages; why mpsnn loses, by machine, workload, mode, batch and precision.

The machine is the name of its file of results; a reason holds where it was measured, and names what
was. A row that loses and is not here says so on the page.
"""

from __future__ import annotations

# What a processor's own name does not tell.
GENERATIONS = {"epyc-avx2": "Zen 3", "epyc-zen4": "Zen 4", "epyc-avx512": "Zen 5"}

# What a reader must know of all rows of a machine.
NOTES = {
    "epyc-avx2": "It has no AVX-512. `mpsnn` then keeps values in bfloat16 and multiplies them in float32; "
    "PyTorch multiplies by plain loops, at 0.3 GFLOP/s (2048 x 2048) to 1.8 (128 x 128), so that its variants in "
    "bfloat16 took no part. Nor did torch.compile in these rows; "
    "in earlier ones it took 1.2 to 1.6 times as long as PyTorch eager in training of digits and activity.",
    "epyc-avx512": 'Products in float32 by PyTorch, which ours are compared to in "of product", are '
    "MKL's and mostly reach 190 to 225 GFLOP/s, where oneDNN's reach 515 to 540 (`Trainer.profile`). Its two "
    "processors have a third-level cache in common at times, and at others not: while a line went from one to "
    "the other and back in 80 to 130 ns, a step of digits in bfloat16 took 5.9 to 6.4 ms and one of activity 1.4 "
    "to 1.5; while in 360 to 440 ns, 7.3 to 8.4 and 2.0 to 2.2. A row may be of either state, or of both, which its spread shows.",
    "epyc-zen4": "Its two processors have a third-level cache in common at times, and at others not, where "
    "most of the spreads come from: in 25 rounds a step of activity in float32 took 5.1 to 5.7 ms, or 7.0 to "
    "8.3. torch.compile took no part in the newest rows; in earlier ones it took 1.1 to 4.4 times as long as "
    "the best peer in digits and activity, and 0.99 to 1.04 times in training of ResNet-18 in bfloat16.",
    "xeon-amx": "Its rows are older than convolutions in float32 by Winograd's filtering, and than layers in "
    "float32 of few images that read their weight once.",
}

REASONS: dict[tuple[str, str, str, int, str], str] = {
    (
        "xeon-amx",
        "digits",
        "infer",
        1,
        "float32",
    ): "reading the 12.8 MB of the first dense layer takes seven tenths "
    "of the time, at 47 GB/s where the machine copies 41 (`Predictor.profile`)",
}
