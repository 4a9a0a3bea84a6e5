#pragma once

#include <algorithm>
#include <array>

#include "mpsnn/ops.hpp"

namespace mpsnn {

/// Two values read together, axes aligned at the last and the batch in front: an axis that is
/// missing, or 1 where the other has more, is repeated. Neighbouring axes that can be walked
/// as one are one.
struct Broadcast {
  static constexpr int max_rank = Shape::max_rank + 1;

  /// One axis of the result: its extent, and how far each side moves along it.
  struct Axis {
    Dim extent = 1, a = 0, b = 0;
  };
  std::array<Axis, max_rank> axes;
  int rank = 1;

  /// `images` is the batch of the result; a side without a batch axis is the same for all.
  Broadcast(const TensorDesc& a, const TensorDesc& b, Dim images) {
    std::array<Axis, max_rank> all;
    const int used = std::max(a.shape.rank(), b.shape.rank());
    Dim a_step = 1, b_step = 1;
    for (int i = 1; i <= used; ++i) {
      const Dim m = extent(a.shape, i), n = extent(b.shape, i);
      all[i - 1] = {std::max(m, n), m > 1 ? a_step : 0, n > 1 ? b_step : 0};
      a_step *= m;
      b_step *= n;
    }
    if (a.batched || b.batched)
      all[used] = {images, a.batched ? a_step : 0, b.batched ? b_step : 0};
    // From the last axis on: an axis goes into the one behind it, or gets a place of its own.
    axes[0] = all[0];
    for (int i = 1; i < max_rank; ++i) {
      Axis& last = axes[rank - 1];
      if (all[i].extent == 1) continue;
      if (last.extent == 1)
        last = all[i];
      else if (all[i].a == last.a * last.extent && all[i].b == last.b * last.extent)
        last.extent *= all[i].extent;
      else
        axes[rank++] = all[i];
    }
    std::reverse(axes.begin(), axes.begin() + rank);
  }

  const Axis& last() const { return axes[rank - 1]; }
  /// Of the result: runs along the last axis.
  Dim rows() const {
    Dim n = 1;
    for (int i = 0; i + 1 < rank; ++i) n *= axes[i].extent;
    return n;
  }

  struct Place {
    Dim a = 0, b = 0;
  };
  /// Where row `row` starts.
  Place row(Dim row) const {
    Place p;
    for (int i = rank - 2; i >= 0; --i) {
      const Dim at = row % axes[i].extent;
      row /= axes[i].extent;
      p.a += at * axes[i].a;
      p.b += at * axes[i].b;
    }
    return p;
  }

 private:
  /// Of the i-th axis from the end, counted from 1.
  static Dim extent(const Shape& s, int i) { return i <= s.rank() ? s[s.rank() - i] : 1; }
};

}  // namespace mpsnn
