#pragma once

#include <cstdint>

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// One value from all along the axes in `axes` (bit i: axis i), which become 1, or go unless
/// `keep_axes`. The name of the op is that of its kind.
/// The gradient of min and max goes to the first in row-major order. argmin and argmax
/// give that one's position along the axes, row-major, int32, and stop gradients.
struct Reduce {
  enum class Kind : std::uint8_t { min, max, sum, mean, argmin, argmax };
  static constexpr int kinds = 6;

  Kind kind = Kind::sum;
  std::uint8_t axes = 0;
  bool keep_axes = false;
  const OpSpec& spec() const;
};

/// The sum or mean over the batch's real images.  x (...), batched  ->  y (...), not batched
struct BatchReduce {
  enum class Kind : std::uint8_t { batch_sum, batch_mean };
  static constexpr int kinds = 2;

  Kind kind = Kind::batch_mean;
  const OpSpec& spec() const;
};

using ReductionOps = OpList<Reduce, BatchReduce>;

}  // namespace mpsnn
