#include "backend/cpu/finite.hpp"

#include <atomic>
#include <cmath>
#include <limits>

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

}  // namespace

void Check::operator()(const Launch& l, const float* g, std::size_t n) const {
  if (!l.run.check) return;
  std::atomic<bool> good = true;
  parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
    if (!finite(g, begin, end)) good = false;
  });
  if (!good) throw gradient_error(parameter_);
}

}  // namespace mpsnn::cpu
