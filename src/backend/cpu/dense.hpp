#pragma once

#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// y (rows, O) = x (rows, I) weight^T + bias, of a node with the inputs of a Dense and a weight of
/// O * I elements; its output is y.
Kernel rows_forward(KernelContext& k, Dim rows, const Activation& activation);
/// The gradient, with the inputs and outputs of a Dense.
Kernel rows_gradient(KernelContext& k, Dim rows);

}  // namespace mpsnn::cpu
