#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

// in: weight, bias, gamma, beta, mean, variance.  out: weight, bias
Kernel fold(KernelContext& k) {
  const Dim O = k.in(0)[0], size = k.in(0).size() / O;
  return [O, size, epsilon = float{k.op<FoldBatchNorm>().epsilon}](const Launch& l) {
    const auto *weight = l.in<float>(0), *bias = l.in<float>(1);
    parallel_for(O, size, [&](std::size_t begin, std::size_t end) {
      for (Dim o = begin; o < static_cast<Dim>(end); ++o) {
        const float scale = l.in<float>(2)[o] / std::sqrt(l.in<float>(5)[o] + epsilon);
        for (Dim i = o * size; i < (o + 1) * size; ++i) l.out<float>(0)[i] = weight[i] * scale;
        l.out<float>(1)[o] = ((bias ? bias[o] : 0) - l.in<float>(4)[o]) * scale + l.in<float>(3)[o];
      }
    });
  };
}

}  // namespace

KernelPair fold_batch_norm_kernels() { return {fold}; }

}  // namespace mpsnn::cpu
