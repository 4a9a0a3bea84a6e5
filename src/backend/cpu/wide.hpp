#pragma once

#include <functional>

#include "backend/cpu/primitive.hpp"

namespace mpsnn::cpu {

/// The kernel that `make` gives for `node`, which is that of `k` or has fewer outputs, as if its
/// values of a reduced type were of float32: they are converted around it, in scratch. For what
/// cannot be done in that type, or is faster so, at the cost of a pass over each value.
Kernel in_float32(KernelContext& k, const Node& node,
                  const std::function<Kernel(KernelContext&)>& make);

/// Whether an input of the node of `k` is of a type that oneDNN has nothing for on this processor:
/// float16 without AVX512-FP16, bfloat16 without AVX512-BF16 or AMX.
bool needs_float32(const KernelContext& k, int input = 0);

}  // namespace mpsnn::cpu
