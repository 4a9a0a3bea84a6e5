#pragma once

#include "mpsnn/shape.hpp"

namespace mpsnn {

/// The ground truth of one batch.
struct LossLabels {
  HostArray labels;   ///< Class indices, int32 (N,), or distributions, float32 (N, K).
  HostArray weights;  ///< Per image, float32 (N,). Null data: all 1.
};

}  // namespace mpsnn
