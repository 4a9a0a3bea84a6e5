"""Images of another size."""

from __future__ import annotations

from dataclasses import dataclass

from mpsnn.arguments import Pair
from mpsnn.layers.base import value_of
from mpsnn.values import Value
from mpsnn.vocabulary.sampling import ResizeMode


@dataclass(frozen=True)
class UpSampling2d:
    """An image made larger, as `Graph.upsample`. (H, W, C) to (H * scale, W * scale, C).

    Args:
        scale: Of both axes, or of (rows, columns), at least 1.
        mode: "nearest" repeats pixels; "bilinear" weighs the four around a position, by the
            rule of MPS.
        align_corners: Whether the corner pixels of both images coincide.
    """

    scale: Pair = 2
    mode: ResizeMode = "nearest"
    align_corners: bool = False

    def __call__(self, x: Value) -> Value:
        """The larger image."""
        return value_of("upsample", x).graph.upsample(
            x, self.scale, self.mode, align_corners=self.align_corners
        )
