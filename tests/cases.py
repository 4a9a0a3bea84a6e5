"""One row per op configuration, by family. A new op is tested by adding rows, nowhere else."""

from __future__ import annotations

import cases_arithmetic
import cases_convolution
import cases_layout
import cases_losses
import cases_neurons
import cases_normalization
import cases_pooling
import cases_recurrent
import cases_reductions
import cases_sampling
from case import Case

FAMILIES = [
    cases_arithmetic,
    cases_convolution,
    cases_layout,
    cases_losses,
    cases_neurons,
    cases_normalization,
    cases_pooling,
    cases_recurrent,
    cases_reductions,
    cases_sampling,
]

CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]
