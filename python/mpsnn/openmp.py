"""How long threads of OpenMP wait for more work before they sleep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Looks at a lock, with a pause after each: 0.1 to 0.5 ms, longer than kernels of a step wait for each
# other, or a caller takes between two runs of inference. GCC's OpenMP looks 300,000 times. For so
# long a thread that has nothing to do keeps a processor from others: two processes that trained the
# digits at once, on 2 cores of Zen 4, took 4.5 times as long as one alone, and take 2.7 times now.
SPINS = 10_000
CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@contextmanager
def short_waits() -> Iterator[None]:
    """What is loaded inside waits so, unless the environment chooses already."""
    if any(name in os.environ for name in CHOICES):
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = str(SPINS)  # read as the library is loaded, and no more
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]
