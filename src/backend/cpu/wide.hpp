#pragma once

#include <functional>

#include "backend/cpu/primitive.hpp"

namespace mpsnn::cpu {

/// The kernel that `make` gives for `node`, which is that of `k` or has fewer outputs, as if its
/// values of float16 were of float32: they are converted around it, in scratch. For what oneDNN
/// cannot do in float16, at the cost of two passes over the values.
Kernel in_float32(KernelContext& k, const Node& node,
                  const std::function<Kernel(KernelContext&)>& make);

/// Whether the node of `k` has values of float16 that oneDNN has nothing for on this processor.
bool needs_float32(const KernelContext& k);

}  // namespace mpsnn::cpu
