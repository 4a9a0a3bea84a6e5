#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/conv_geometry.hpp"

/// Convolutions of bfloat16 whose windows have at most 32 numbers, as the first layers of networks
/// for images have: on the tile registers of AMX, a window in one row of a tile.
namespace mpsnn::cpu {

bool prefers_windows(const ConvGeometry& g, DType type, const Activation& activation);

/// With the inputs and outputs of a Conv2d.
Kernel window_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation);
/// dweight, and dbias where wanted, with the inputs and outputs of a Conv2d's gradient.
Kernel window_weight_gradient(KernelContext& k, const ConvGeometry& g);

}  // namespace mpsnn::cpu
