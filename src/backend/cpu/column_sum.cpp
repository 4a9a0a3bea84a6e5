#include "backend/cpu/column_sum.hpp"

#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t block = 64;  // columns summed at once, in registers

template <class T>
MPSNN_SIMD void sum_block(const T* x, std::size_t rows, std::size_t stride, std::size_t n,
                          float* sum) {
  float total[block] = {};
  if (n == block) {
    for (std::size_t r = 0; r < rows; ++r) {
#pragma omp simd
      for (std::size_t c = 0; c < block; ++c) total[c] += x[r * stride + c];
    }
  } else {
    for (std::size_t r = 0; r < rows; ++r) {
#pragma omp simd
      for (std::size_t c = 0; c < n; ++c) total[c] += x[r * stride + c];
    }
  }
  for (std::size_t c = 0; c < n; ++c) sum[c] = total[c];
}

template <class T>
void sum(const T* x, std::size_t rows, std::size_t columns, float* sum) {
  const std::size_t blocks = (columns + block - 1) / block;
  parallel_for(blocks, rows * block, [=](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b)
      sum_block(x + b * block, rows, columns, std::min(block, columns - b * block),
                sum + b * block);
  });
}

}  // namespace

void column_sum(const float* x, std::size_t rows, std::size_t columns, float* out) {
  sum(x, rows, columns, out);
}
void column_sum(const BFloat16* x, std::size_t rows, std::size_t columns, float* out) {
  sum(x, rows, columns, out);
}
void column_sum(const Float16* x, std::size_t rows, std::size_t columns, float* out) {
  sum(x, rows, columns, out);
}

Kernel bias_gradient(KernelContext& k) {
  const Dim channels = k.out(2)[0], rows = k.in_elements(0) / channels;
  report(k, "mpsnn");
  return with_float(k.in_type(0), [&]<class T>(T) -> Kernel {
    return [=](const Launch& l) { column_sum(l.in<T>(0), rows, channels, l.out<float>(2)); };
  });
}

}  // namespace mpsnn::cpu
