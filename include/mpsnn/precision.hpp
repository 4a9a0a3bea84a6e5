#pragma once

#include <algorithm>
#include <cstdint>

#include "mpsnn/shape.hpp"

namespace mpsnn {

/// The numbers that a graph is computed in: float32, or float16 where the backend has it.
/// Parameters, their updates, sequences and losses are float32 in any case.
struct Precision {
  DType values = DType::float32;     ///< Of the values between the nodes.
  DType gradients = DType::float32;  ///< Of their gradients.
};

/// What the gradient of the loss is multiplied by, and those of the parameters are divided by, so
/// that small ones between them do not vanish in float16. A step that overflows is skipped and
/// halves it; enough good ones double it. (Micikevicius et al., Mixed Precision Training, 2018.)
struct LossScale {
  static constexpr float most = 1 << 24;  ///< float16 has nothing smaller than 1 / most.

  float value = 1;
  int growth_interval = 0;  ///< Good steps that double it. 0: it never changes.
  std::uint64_t since = 0;  ///< Steps completed when it changed last.

  bool dynamic() const { return growth_interval > 0; }
  bool is_used() const { return dynamic() || value != 1; }
  /// Before a step that comes after `step` others.
  void grow(std::uint64_t step) {
    if (!dynamic() || step < since + growth_interval) return;
    value = std::max(value, std::min(value * 2, most));
    since = step;
  }
  /// After a step whose gradients were not finite. False if it cannot help.
  bool shrink(std::uint64_t step) {
    if (!dynamic() || value <= 1) return false;
    value = std::max(value / 2, 1.0f);
    since = step;
    return true;
  }
};

}  // namespace mpsnn
