#pragma once

#include <algorithm>
#include <cmath>

#include "mpsnn/shape.hpp"

namespace mpsnn {

/// log sum exp(x), without overflow: softmax(x)[i] = exp(x[i] - log_sum_exp(x)).
template <class T>
T log_sum_exp(const T* x, Dim size) {
  const T top = *std::max_element(x, x + size);
  T sum = 0;
  for (Dim i = 0; i < size; ++i) sum += std::exp(x[i] - top);
  return top + std::log(sum);
}

}  // namespace mpsnn
