#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/conv_geometry.hpp"

/// A convolution, and its gradient towards x, on tile registers: of images with frames (see
/// framed_images.hpp) 32 pixels at a time, whichever row they lie in. oneDNN's own kernels take the
/// pixels of one row at a time, which leaves most of a tile empty where rows are short.
namespace mpsnn::cpu {

/// Whether that can be done, and is faster than oneDNN; the gradient for a stride of 1.
bool prefers_tile_convolution(const ConvGeometry& g, Dim batch, DType type,
                              const Activation& activation);
bool prefers_tile_data_gradient(const ConvGeometry& g, Dim batch, DType type);
/// in: x, weight, bias.  out: y; values of bfloat16.
Kernel tile_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation);
/// in: dy, x, weight.  out: dx
Kernel tile_data_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
