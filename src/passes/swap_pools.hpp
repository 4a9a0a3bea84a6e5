#pragma once

#include <span>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// Computes a 1 x 1 convolution before the mean over windows that it reads: both are linear, and
/// the mean is then over the fewer channels that come out. What the convolution reads is kept for
/// its gradient, and before the mean others keep it anyway. Values in `keep` stay.
Graph swap_pools(const Graph& graph, std::span<const ValueId> keep);

}  // namespace mpsnn
