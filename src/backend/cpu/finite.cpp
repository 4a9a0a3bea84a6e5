#include "backend/cpu/finite.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

MPSNN_SIMD bool finite(const float* g, std::size_t begin, std::size_t end) {
  int bad = 0;
#pragma omp simd reduction(| : bad)
  for (std::size_t i = begin; i < end; ++i)
    bad |= !(std::abs(g[i]) <= std::numeric_limits<float>::max());
  return !bad;
}

MPSNN_SIMD bool copied(const float* from, std::size_t n, float* to) {
  int bad = 0;
#pragma omp simd reduction(| : bad)
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = from[i];
    bad |= !(std::abs(from[i]) <= std::numeric_limits<float>::max());
  }
  return !bad;
}

bool is_finite(const float* g, std::size_t n) {
  std::atomic<bool> good = true;
  parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
    if (!finite(g, begin, end)) good = false;
  });
  return good;
}

Kernel check_gradients(KernelContext& k) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < k.node.inputs.size(); ++i)
    sizes.push_back(k.in_elements(static_cast<int>(i)));
  return [sizes, parameters = k.op<CheckGradients>().parameters](const Launch& l) {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (!is_finite(l.in<float>(static_cast<int>(i)), sizes[i]))
        throw GradientOverflow(parameters[i]);
  };
}

}  // namespace

bool copy_finite(const float* from, std::size_t n, float* to) { return copied(from, n, to); }

Check::Check(const KernelContext& k)
    : parameter_(k.node.label), checked_(std::ranges::any_of(k.graph.nodes(), [](const Node& node) {
        return std::holds_alternative<CheckGradients>(node.op);
      })) {}

void Check::operator()(const Launch& l, const float* g, std::size_t n) const {
  if (l.run.check && !checked_ && !is_finite(g, n)) throw gradient_error(parameter_);
}

KernelPair check_gradients_kernels() { return {check_gradients}; }

}  // namespace mpsnn::cpu
