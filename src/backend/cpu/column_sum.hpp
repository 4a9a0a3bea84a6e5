#pragma once

#include <cstddef>

#include "backend/cpu/bfloat16.hpp"
#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// sum[c] = sum over rows of x[row][c]: the gradient of a bias on its own.
void column_sum(const float* x, std::size_t rows, std::size_t columns, float* sum);
void column_sum(const BFloat16* x, std::size_t rows, std::size_t columns, float* sum);
void column_sum(const Float16* x, std::size_t rows, std::size_t columns, float* sum);

/// That of a convolution or dense layer alone: output 2, from dy.
Kernel bias_gradient(KernelContext& k);

}  // namespace mpsnn::cpu
