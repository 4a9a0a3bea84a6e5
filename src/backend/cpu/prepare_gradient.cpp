#include <atomic>
#include <cmath>

#include "backend/cpu/finite.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

MPSNN_SIMD void prepare(const float* g, const float* w, float scale, const PrepareGradient& op,
                        float* y, std::size_t begin, std::size_t end) {
  const PrepareGradient p = op;
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float scaled = scale * g[i];
    const float above = scaled < p.clip_min ? p.clip_min : scaled;
    const float clipped = above > p.clip_max ? p.clip_max : above;
    const float sign = w[i] > 0 ? 1.0f : w[i] < 0 ? -1.0f : 0.0f;
    y[i] = clipped * p.rescale + p.l2 * w[i] + p.l1 * sign;
  }
}

Kernel prepare_gradient(KernelContext& k) {
  return [op = k.op<PrepareGradient>(), n = k.in_elements(0),
          unscale = Unscale(k, 0)](const Launch& l) {
    const float scale = unscale(l) * (l.inputs[2] ? *l.in<float>(2) : 1);
    parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
      prepare(l.in<float>(0), l.in<float>(1), scale, op, l.out<float>(0), begin, end);
    });
  };
}

/// In blocks whose float32 sums are exact enough for a double to add up.
MPSNN_SIMD double squares(const float* x, std::size_t n) {
  constexpr std::size_t block = 4096;
  double total = 0;
  for (std::size_t first = 0; first < n; first += block) {
    const std::size_t last = std::min(n, first + block);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = first; i < last; ++i) sum += x[i] * x[i];
    total += sum;
  }
  return total;
}

Kernel clip_scale(KernelContext& k) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < k.node.inputs.size(); ++i)
    sizes.push_back(k.in_elements(static_cast<int>(i)));
  return [sizes, max_norm = k.op<ClipScale>().max_norm, unscale = Unscale(k, 0)](const Launch& l) {
    double sum = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      sum += squares(l.in<float>(static_cast<int>(i)), sizes[i]);
    const double norm = unscale(l) * std::sqrt(sum);
    *l.out<float>(0) = norm > 0 ? static_cast<float>(std::min(1.0, max_norm / norm)) : 1;
  };
}

MPSNN_SIMD void add_share(float* sum, const float* g, float keep, float share, std::size_t begin,
                          std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) sum[i] = keep * sum[i] + share * g[i];
}

Kernel accumulate(KernelContext& k) {
  return [every = k.op<Accumulate>().every, n = k.in_elements(0), check = Check(k),
          unscale = Unscale(k, 1)](const Launch& l) {
    float *sum = l.variable<float>(0), *y = wanted<float>(l, 0);
    check(l, l.in<float>(1), n);
    const float keep = l.run.step % every == 0 ? 0.0f : 1.0f;
    const float share = unscale(l) / static_cast<float>(every);
    parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
      add_share(sum, l.in<float>(1), keep, share, begin, end);
      if (y) std::copy(sum + begin, sum + end, y + begin);
    });
  };
}

}  // namespace

KernelPair prepare_gradient_kernels() { return {prepare_gradient}; }
KernelPair clip_scale_kernels() { return {clip_scale}; }
KernelPair accumulate_kernels() { return {accumulate}; }

}  // namespace mpsnn::cpu
