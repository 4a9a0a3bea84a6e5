#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/conv_geometry.hpp"

/// The gradient of a convolution's weight on tile registers.
///
/// With a frame of zeros around each image, shared by neighbours, the pixel of x that a tap joins
/// with a pixel of y lies at the same distance for all pixels. For each tap the gradient is then
/// one matrix product, transpose(dy) times x from there on, over all pixels of the batch; no copy
/// of x for each tap is needed. A stride makes one such image of each phase of x.
namespace mpsnn::cpu {

/// Whether that can be done, and is faster than what oneDNN has.
bool prefers_tiles(const ConvGeometry& g, DType type);
/// in: dy, x.  out: nothing, dweight, dbias where wanted; values of bfloat16.
Kernel tile_weight_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
