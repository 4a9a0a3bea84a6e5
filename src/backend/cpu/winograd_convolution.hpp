#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/conv_geometry.hpp"

/// Convolutions, and their gradients, by Winograd's minimal filtering: see winograd.hpp.
namespace mpsnn::cpu {

/// Whether that can be done, and is faster than the product over all taps; `kept` is whether the
/// weight is, see is_kept.
bool prefers_winograd(const ConvGeometry& g, Dim batch, DType type, bool kept,
                      const Activation& activation);
/// The same for the gradient towards x, which is such a convolution of dy.
bool prefers_winograd_data_gradient(const ConvGeometry& g, Dim batch, DType type);
bool prefers_winograd_weight_gradient(const ConvGeometry& g, Dim batch, DType type);

/// in: x, weight, bias.  out: y
Kernel winograd_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation);
/// in: dy, x, weight.  out: dx
Kernel winograd_data_gradient(KernelContext& k, const ConvGeometry& g);
/// in: dy, x.  out: nothing, dweight, dbias where wanted
Kernel winograd_weight_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
