#pragma once

#include <cmath>

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {

/// log sum exp(x), without overflow: softmax(x)[i] = exp(x[i] - log_sum_exp(x)).
inline double log_sum_exp(const double* x, Dim size) {
  const double top = *std::max_element(x, x + size);
  double sum = 0;
  for (Dim i = 0; i < size; ++i) sum += std::exp(x[i] - top);
  return top + std::log(sum);
}

}  // namespace mpsnn::reference
