#pragma once

#include "backend/cpu/kernels.hpp"
#include "ops/conv_geometry.hpp"

/// Convolutions without oneDNN, for what it cannot do or only in its slow definition: an
/// output_padding that reaches the stride, and whatever else a machine's instructions leave out.
/// Plain loops over pixels and taps, with runs of channels inside.
namespace mpsnn::cpu {

/// in: x, weight, bias.  out: y
Kernel own_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation);
/// in: dy, x, weight.  out: dx
Kernel own_data_gradient(KernelContext& k, const ConvGeometry& g);
/// in: dy, x, weight.  out: nothing, dweight, dbias where wanted
Kernel own_weight_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
