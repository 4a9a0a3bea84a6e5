#pragma once

#include <cstddef>

namespace mpsnn::cpu {

/// sum[c] = sum over rows of x[row][c]: the gradient of a bias on its own.
void column_sum(const float* x, std::size_t rows, std::size_t columns, float* sum);

}  // namespace mpsnn::cpu
