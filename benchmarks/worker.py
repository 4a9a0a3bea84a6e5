"""A contestant in a process of its own: `python -m benchmarks.worker NAME JSON`.

It sets itself up, says READY, and then, for each line with a number of steps, runs them and
answers with their wall time in seconds and the process's peak resident memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

WARM_UP = 5


def contestant(name: str, options: dict[str, object]) -> Callable[[int], None]:
    """A function that runs so many steps and returns when their results are there."""
    if name == "ours":
        from benchmarks import ours

        return ours.runner(**options)
    from benchmarks import peers_torch

    return peers_torch.runner(variant=name.removeprefix("torch "), **options)


def main() -> None:
    name, options = sys.argv[1], json.loads(sys.argv[2])
    run = contestant(name, options)
    run(WARM_UP)
    print("READY", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run(int(line))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak_bytes": peak}), flush=True)


if __name__ == "__main__":
    main()
