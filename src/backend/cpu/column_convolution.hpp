#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/conv_geometry.hpp"

/// The gradient of a convolution's weight as one matrix product of dy and x, or of a copy of x that
/// has a row for each pixel of y: the pixels that it is summed from (Chellapilla et al. 2006).
namespace mpsnn::cpu {

/// Whether that is the faster way.
bool prefers_columns(const ConvGeometry& g, Dim batch, DType type);
/// in: dy, x.  out: nothing, dweight, dbias where wanted
Kernel column_weight_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
