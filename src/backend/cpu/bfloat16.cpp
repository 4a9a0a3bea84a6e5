#include "backend/cpu/bfloat16.hpp"

#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {

MPSNN_SIMD void convert(const float* x, BFloat16* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i];
}

MPSNN_SIMD void convert(const BFloat16* x, float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i];
}

MPSNN_SIMD void convert(const float* x, Float16* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i];
}

MPSNN_SIMD void convert(const Float16* x, float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i];
}

}  // namespace mpsnn::cpu
