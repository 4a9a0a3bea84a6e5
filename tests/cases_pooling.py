"""Cases of the pooling ops."""

from __future__ import annotations

from typing import Any

from case import Case, Shape

from mpsnn import Graph

POOLS = {
    "max_pool2d": Graph.max_pool2d,
    "avg_pool2d": Graph.avg_pool2d,
    "l2_pool2d": Graph.l2_pool2d,
}


def pool(op: str, x: Shape, kernel: Any, **options: Any) -> Case:
    options["kernel"] = kernel
    return Case(op, POOLS[op], (x,), kink=op == "max_pool2d", options=options)


CASES = [
    pool("max_pool2d", (6, 6, 3), 2),
    pool("max_pool2d", (7, 6, 5), (3, 2), stride=2, padding="same"),
    pool("max_pool2d", (5, 5, 16), 3, stride=1, padding="same"),
    pool("max_pool2d", (5, 5, 3), 3, stride=2, padding=(1, 1, 1, 0)),
    pool("max_pool2d", (5, 5, 3), 3, stride=2, padding="same", edge="zero"),
    pool("max_pool2d", (7, 6, 21), 3, stride=2, dilation=(1, 2), padding="same", edge="zero"),
    pool("max_pool2d", (1, 1, 1), 1),
    pool("max_pool2d", (2, 2, 2), 5, padding="same"),
    pool("max_pool2d", (20, 20, 2), 17, stride=3),  # positions do not fit a byte
    pool("max_pool2d", (18, 19, 18), 17, stride=1),
    pool("max_pool2d", (7, 8, 3), 2, stride=1, dilation=2),
    pool("max_pool2d", (9, 7, 16), (3, 2), stride=2, dilation=(2, 3), padding="same"),
    pool("max_pool2d", (6, 6, 1), 3, stride=1, dilation=2, padding=2, edge="zero"),
    pool("avg_pool2d", (6, 6, 3), 2),
    pool("avg_pool2d", (7, 6, 5), (3, 2), stride=2, padding="same"),
    pool("avg_pool2d", (5, 5, 3), 3, stride=2, padding="same", edge="zero"),
    pool("avg_pool2d", (5, 5, 16), 3, stride=1, padding=1, edge="zero"),
    pool("avg_pool2d", (4, 4, 2), 4),  # global
    pool("l2_pool2d", (6, 6, 3), 2),
    pool("l2_pool2d", (7, 6, 5), (3, 2), stride=2, padding="same"),
    pool("l2_pool2d", (5, 5, 17), 3, stride=1, padding=1),
    pool("l2_pool2d", (2, 2, 1), 5, padding="same"),
]
