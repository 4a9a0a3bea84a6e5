#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

float factor(const BatchReduce& op, const Launch& l) {
  return op.kind == BatchReduce::Kind::batch_mean ? 1.0f / static_cast<float>(l.run.images) : 1.0f;
}

/// y[begin, end) of the sum of `images` rows of `size`.
MPSNN_SIMD void sum_rows(const float* x, std::size_t images, std::size_t size, float factor,
                         float* y, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) y[i] = 0;
  for (std::size_t n = 0; n < images; ++n) {
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) y[i] += x[n * size + i];
  }
  for (std::size_t i = begin; i < end; ++i) y[i] *= factor;
}

Kernel forward(KernelContext& k) {
  const auto op = k.op<BatchReduce>();
  const std::size_t size = k.in(0).size(), batch = k.batch;
  return [=](const Launch& l) {
    parallel_for(size, batch, [&](std::size_t begin, std::size_t end) {
      sum_rows(l.in<float>(0), l.run.images, size, factor(op, l), l.out<float>(0), begin, end);
    });
  };
}

Kernel gradient(KernelContext& k) {
  const auto op = k.op<BatchReduce>();
  const std::size_t size = k.out(0).size(), batch = k.batch;
  return [=](const Launch& l) {
    parallel_for(batch, size, [&](std::size_t begin, std::size_t end) {
      for (std::size_t n = begin; n < end; ++n) {
        const float by = n < static_cast<std::size_t>(l.run.images) ? factor(op, l) : 0.0f;
        const float* dy = l.in<float>(0);
        float* dx = l.out<float>(0) + n * size;
        for (std::size_t i = 0; i < size; ++i) dx[i] = dy[i] * by;
      }
    });
  };
}

}  // namespace

KernelPair batch_reduce_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
