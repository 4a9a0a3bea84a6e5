#pragma once

#include "mpsnn/shape.hpp"

namespace mpsnn {

/// The ground truth of one batch.
struct LossLabels {
  HostArray labels;   ///< float32 (N, shape), or class indices, int32 (N, shape without the last).
  HostArray weights;  ///< float32 (N,) or (N, shape), as the labels say. Null data: all 1.
};

}  // namespace mpsnn
