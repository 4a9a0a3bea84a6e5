#include "backend/cpu/kernels.hpp"
#include "backend/cpu/reductions.hpp"

namespace mpsnn::cpu {
namespace {

/// Whether x is more extreme than `best`, and not only as much. A NaN is more than any number.
template <bool largest>
bool more(float x, float best) {
  return (largest ? x > best : x < best) || (x != x && best == best);
}

template <bool largest>
MPSNN_SIMD void take_row(const float* x, Dim n, std::int32_t at, float* best,
                         std::int32_t* position) {
#pragma omp simd
  for (Dim c = 0; c < n; ++c) {
    const bool better =
        (largest ? x[c] > best[c] : x[c] < best[c]) | ((x[c] != x[c]) & (best[c] == best[c]));
    best[c] = better ? x[c] : best[c];
    position[c] = better ? at : position[c];
  }
}

/// Whether a run has a value more extreme than `best`, quicker than finding the first.
template <bool largest>
MPSNN_SIMD bool any_more(const float* x, Dim n, float best) {
  int found = 0;
#pragma omp simd reduction(| : found)
  for (Dim i = 0; i < n; ++i) found |= (largest ? x[i] > best : x[i] < best) | (x[i] != x[i]);
  return found != 0;
}

template <bool largest>
void take_run(const float* x, Dim n, Dim at, float* best, std::int32_t* position) {
  constexpr Dim part = 256;
  for (Dim i = 0; i < n; i += part) {
    const Dim end = std::min(n, i + part);
    if (!any_more<largest>(x + i, end - i, *best)) continue;
    for (Dim j = i; j < end; ++j) {
      if (!more<largest>(x[j], *best)) continue;
      *best = x[j];
      *position = static_cast<std::int32_t>(at + j);
    }
  }
}

template <bool largest>
void take_block(const Reduction& r, const float* x, Dim n, float* best, std::int32_t* position) {
  std::copy_n(x, n, best);
  std::fill_n(position, n, 0);
  for (Dim f = 0; f < r.first; ++f, x += r.middle * r.second * r.inner) {
    const Dim at = f * r.second;
    if (r.inner == 1) {
      take_run<largest>(x, r.second, at, best, position);
      continue;
    }
    for (Dim s = 0; s < r.second; ++s)
      take_row<largest>(x + s * r.inner, n, static_cast<std::int32_t>(at + s), best, position);
  }
}

}  // namespace

Kernel extreme(const Reduction& r, bool largest, int value, int position) {
  return [=](const Launch& l) {
    float* values = value < 0 ? nullptr : l.out<float>(value);
    auto* positions = wanted<std::int32_t>(l, position);
    r.each_block([&](Dim x, Dim y, Dim n) {
      float best[Reduction::block];
      std::int32_t at[Reduction::block];
      const auto take = largest ? take_block<true> : take_block<false>;
      take(r, l.in<float>(0) + x, n, best, at);
      if (values) std::copy_n(best, n, values + y);
      if (positions) std::copy_n(at, n, positions + y);
    });
  };
}

Kernel extreme_gradient(const Reduction& r) {
  return [r](const Launch& l) {
    parallel_for(r.x_size(), 1, [&](std::size_t begin, std::size_t end) {
      std::fill(l.out<float>(0) + begin, l.out<float>(0) + end, 0.0f);
    });
    parallel_for(r.outer * r.middle, r.inner, [&](std::size_t begin, std::size_t end) {
      for (Dim y = begin * r.inner; y < static_cast<Dim>(end) * r.inner; ++y)
        l.out<float>(0)[r.x_index(y, l.in<std::int32_t>(1)[y])] = l.in<float>(0)[y];
    });
  };
}

}  // namespace mpsnn::cpu
