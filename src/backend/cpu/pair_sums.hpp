#pragma once

#include <cstdint>
#include <cstring>

#include "backend/cpu/lanes.hpp"
#include "backend/cpu/simd.hpp"

#if MPSNN_HAS_PAIRS
#include <immintrin.h>

/// R rows of V vectors of sums that stay in registers, to which AVX512-BF16 adds products of pairs
/// of bfloat16, each in a word.
namespace mpsnn::cpu {

template <int R, int V>
struct PairSums {
  __m512 sums[R][V];

  /// From rows `stride` floats apart; zeros without any.
  MPSNN_PAIRS MPSNN_INLINE void load(const float* from, std::size_t stride) {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j)
        sums[i][j] = from ? _mm512_loadu_ps(from + i * stride + j * lanes) : _mm512_setzero_ps();
  }
  /// A pair of each row, `row` words apart, times the pairs of all columns.
  MPSNN_PAIRS MPSNN_INLINE void add(const void* left, std::size_t row, const void* right) {
    const auto *pairs = static_cast<const char*>(left), *columns = static_cast<const char*>(right);
    __m512bh w[V];
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j)
      w[j] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(columns + j * sizeof w[j]));
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      int pair;
      std::memcpy(&pair, pairs + i * row * sizeof pair, sizeof pair);
      const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) sums[i][j] = _mm512_dpbf16_ps(sums[i][j], x, w[j]);
    }
  }
  MPSNN_PAIRS MPSNN_INLINE void store(float* to, std::size_t stride) const {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) _mm512_storeu_ps(to + i * stride + j * lanes, sums[i][j]);
  }
};

}  // namespace mpsnn::cpu
#endif
