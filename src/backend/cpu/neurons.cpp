#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

// Results may overwrite inputs, element by element: `omp simd` says that this is fine.

MPSNN_SIMD void relu(const float* x, float* y, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}

MPSNN_SIMD void relu_gradient(const float* dy, const float* y, float* dx, std::size_t begin,
                              std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) dx[i] = y[i] > 0 ? dy[i] : 0;
}

}  // namespace

KernelPair neuron_kernels() {
  return {[](KernelContext& k) -> Kernel {
            return [n = k.in_elements(0)](const Launch& l) {
              parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
                relu(l.in<float>(0), l.out<float>(0), begin, end);
              });
            };
          },
          [](KernelContext& k) -> Kernel {
            return [n = k.in_elements(0)](const Launch& l) {
              parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
                relu_gradient(l.in<float>(0), l.in<float>(1), l.out<float>(0), begin, end);
              });
            };
          }};
}

}  // namespace mpsnn::cpu
