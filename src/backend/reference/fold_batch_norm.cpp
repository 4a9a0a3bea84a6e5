#include <cmath>

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

// in: weight, bias, gamma, beta, mean, variance.  out: weight, bias
Kernel fold(KernelContext& k) {
  const Dim O = k.in(0)[0], size = k.in(0).size() / O;
  return [O, size, epsilon = double{k.op<FoldBatchNorm>().epsilon}](const Launch& l) {
    const auto *weight = l.in<double>(0), *bias = l.in<double>(1);
    for (Dim o = 0; o < O; ++o) {
      const double scale = l.in<double>(2)[o] / std::sqrt(l.in<double>(5)[o] + epsilon);
      for (Dim i = o * size; i < (o + 1) * size; ++i) l.out<double>(0)[i] = weight[i] * scale;
      l.out<double>(1)[o] =
          ((bias ? bias[o] : 0) - l.in<double>(4)[o]) * scale + l.in<double>(3)[o];
    }
  };
}

}  // namespace

KernelPair fold_batch_norm_kernels() { return {fold}; }

}  // namespace mpsnn::reference
