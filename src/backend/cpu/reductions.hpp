#pragma once

#include <algorithm>

#include "backend/cpu/simd.hpp"
#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// A reduction as x (outer, first, middle, second, inner) -> y (outer, middle, inner), which
/// any set of at most four axes is. With one run of axes, `first` and `middle` are 1.
struct Reduction {
  static constexpr Dim block = 64;  ///< Columns at once, in registers or nearly.

  Dim outer, first = 1, middle = 1, second = 1, inner = 1;

  /// `x` is the shape of what is reduced; the node may be the gradient.
  Reduction(const KernelContext& k, const Shape& x);

  float mean() const { return 1 / static_cast<float>(first * second); }
  Dim x_size() const { return outer * first * middle * second * inner; }
  /// The element of x at a position along what is reduced, for element `y` of y.
  Dim x_index(Dim y, Dim position) const {
    const Dim c = y % inner, m = y / inner % middle, o = y / inner / middle;
    return (((o * first + position / second) * middle + m) * second + position % second) * inner +
           c;
  }

  /// Calls f(first element of x, first of y, columns) for each block of columns.
  template <class F>
  void each_block(const F& f) const {
    const Dim blocks = (inner + block - 1) / block;
    const std::size_t cost = first * second * std::min(block, inner);
    parallel_for(outer * middle * blocks, cost, [&](std::size_t begin, std::size_t end) {
      for (Dim i = begin; i < static_cast<Dim>(end); ++i) {
        const Dim c = i % blocks * block, y = i / blocks * inner + c;
        f(x_index(y, 0), y, std::min(block, inner - c));
      }
    });
  }
};

/// Of min, max, argmin and argmax: outputs by their number, -1 where there is none.
Kernel extreme(const Reduction& r, bool largest, int value, int position);
/// in: dy, position.  out: dx
Kernel extreme_gradient(const Reduction& r);

}  // namespace mpsnn::cpu
