#pragma once

#include <algorithm>

#include "mpsnn/ops.hpp"

namespace mpsnn {

/// What `pad_source` gives for an element that no element of x is copied to.
inline constexpr Dim outside = -1;

/// Which of the `extent` elements of an axis of x a padded one repeats at `i`, counted from
/// x's first element: the one place that knows how the modes mirror.
inline Dim pad_source(Pad::Mode mode, Dim i, Dim extent) {
  if (i >= 0 && i < extent) return i;
  switch (mode) {
    case Pad::Mode::clamp:
      return std::clamp<Dim>(i, 0, extent - 1);
    case Pad::Mode::mirror:
      return i < 0 ? -i : 2 * (extent - 1) - i;
    case Pad::Mode::mirror_with_edge:
      return i < 0 ? -i - 1 : 2 * extent - 1 - i;
    default:
      return outside;
  }
}

}  // namespace mpsnn
