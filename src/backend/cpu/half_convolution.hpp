#pragma once

#include "backend/cpu/kernels.hpp"
#include "ops/conv_geometry.hpp"

namespace mpsnn::cpu {

/// y of a convolution with Accumulator::half, bit for bit that of the reference rounded to
/// float32. oneDNN adds up in float32 at least. Of float32 or float16.
Kernel half_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation);

}  // namespace mpsnn::cpu
