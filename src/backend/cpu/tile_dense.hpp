#pragma once

#include "backend/kernel_backend.hpp"

/// A Dense of bfloat16 on the tile registers of AMX. The weight, which is float32 and changes at
/// every step, is rounded on the way into the tiles: read once, and never packed in memory.
namespace mpsnn::cpu {

/// Whether it is the fastest for y (rows, O) = x (rows, I) weight^T, of the weight `weight`.
bool prefers_tile_dense(const KernelContext& k, Dim rows, ValueId weight,
                        const Activation& activation);

/// With the inputs and outputs of a Dense.
Kernel tile_dense(KernelContext& k, Dim rows, const Activation& activation);
/// The gradient towards x, with the inputs and outputs of a Dense's gradient.
Kernel tile_dense_data_gradient(KernelContext& k, Dim rows);

}  // namespace mpsnn::cpu
