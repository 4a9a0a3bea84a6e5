#include "backend/cpu/winograd_pairs.hpp"

#include "backend/cpu/pair_sums.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"

#if MPSNN_HAS_PAIRS
#include <immintrin.h>
#endif

namespace mpsnn::cpu::winograd {

#if MPSNN_HAS_PAIRS

namespace {

/// `stride` is from one row of `to` to the next.
template <int R, int V, bool add>
MPSNN_PAIRS void multiply_block(const Rows<Pair>& left, const Pair* right, Dim depth, float* to,
                                Dim stride) {
  PairSums<R, V> sums;
  sums.load(add ? to : nullptr, stride);
  const Pair* at = left.data;
  for (Dim k = 0; k < depth; ++k, at += left.step, right += V * lanes)
    sums.add(at, left.row, right);
  sums.store(to, stride);
}

/// Where the 16 numbers of the second operand of a conversion, which come first, and those of the
/// first one go.
alignas(64) constexpr std::uint16_t alternating[2 * lanes] = {
    0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

}  // namespace

bool has_pairs() {
  static const bool has = has_bfloat16();
  return has;
}

MPSNN_PAIRS void pair_up(const float (*numbers)[lanes], int points, const Points<Pair>& to) {
  for (int i = 0; i < points; ++i) {
    const auto rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_load_ps(numbers[i])));
    void* at = to.data + i * to.plane;
    _mm256_storeu_si256(static_cast<__m256i*>(at), rounded);
  }
}

MPSNN_PAIRS void pair_up(const float (*first)[lanes], const float (*second)[lanes], int points,
                         const Points<Pair>& to) {
  const __m512i order = _mm512_load_si512(alternating);
  for (int i = 0; i < points; ++i) {
    const auto rounded = reinterpret_cast<__m512i>(
        _mm512_cvtne2ps_pbh(_mm512_load_ps(second[i]), _mm512_load_ps(first[i])));
    _mm512_storeu_si512(to.data + i * to.plane, _mm512_permutexvar_epi16(order, rounded));
  }
}

void multiply(const Rows<Pair>& left, const Pair* right, Dim depth, Dim rows, Dim columns, bool add,
              float* to) {
  constexpr Dim height = 8;
  const auto block =
      columns == panel ? (add ? multiply_block<height, 2, true> : multiply_block<height, 2, false>)
                       : (add ? multiply_block<height, 1, true> : multiply_block<height, 1, false>);
  for (Dim i = 0; i < rows; i += height)
    block({left.data + i * left.row, left.row, left.step}, right, depth, to + i * columns, columns);
}

#else

bool has_pairs() { return false; }
void pair_up(const float (*)[lanes], int, const Points<Pair>&) {}
void pair_up(const float (*)[lanes], const float (*)[lanes], int, const Points<Pair>&) {}
void multiply(const Rows<Pair>&, const Pair*, Dim, Dim, Dim, bool, float*) {}

#endif

}  // namespace mpsnn::cpu::winograd
