#include "backend/cpu/half_tile.hpp"

#if MPSNN_AVX512_FP16
#include <immintrin.h>
#endif

namespace mpsnn::cpu {

#if MPSNN_AVX512_FP16
namespace {

#define MPSNN_FP16 __attribute__((target("avx512fp16,avx512bw,avx512vl")))

MPSNN_FP16 inline void store_wide(__m512h halves, float* to) {
  const __m512i bits = _mm512_castph_si512(halves);
  _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm512_castsi512_si256(bits)));
  _mm512_storeu_ps(to + 16, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(bits, 1)));
}

/// sum <- half(sum + weight * x), x repeated as it is loaded. Compilers would repeat it once for
/// two sums, by an instruction that takes the turn of one of them: two thirds of the speed.
MPSNN_FP16 inline void add(const Float16& x, const __m512h& weight, __m512h& sum) {
  asm("vfmadd231ph %2%{1to32%}, %1, %0" : "+v"(sum) : "v"(weight), "m"(x.bits));
}

/// P pixels from `x` on. Two registers of sums for each hide how long an instruction takes, and
/// those of the weight are read once for all.
template <int P>
MPSNN_FP16 void sum_tile(const HalfRow& r, const Float16* x, float* sums) {
  __m512h low[P], high[P];  // in registers, as every loop over them is unrolled
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) low[p] = high[p] = _mm512_setzero_ph();
  const Float16* weight = r.weight;
  for (Dim i = 0; i < r.rows; ++i) {
    for (Dim j = 0; j < r.columns; ++j) {
      const Float16* from = x + i * r.row_step + j * r.tap_step;
      for (Dim c = 0; c < r.channels; ++c, weight += half_block) {
        const __m512h first = _mm512_loadu_ph(weight), second = _mm512_loadu_ph(weight + 32);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) {
          add(from[p * r.step + c], first, low[p]);
          add(from[p * r.step + c], second, high[p]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    store_wide(low[p], sums + p * half_block);
    store_wide(high[p], sums + p * half_block + 32);
  }
}

}  // namespace

void sum_in_half(const HalfRow& row, Dim pixels, float* sums) {
  const Float16* x = row.x;
  const auto run = [&](auto tile, Dim p) {
    for (; pixels >= p; pixels -= p, x += p * row.step, sums += p * half_block) tile(row, x, sums);
  };
  run(sum_tile<8>, 8);
  run(sum_tile<4>, 4);
  run(sum_tile<2>, 2);
  run(sum_tile<1>, 1);
}

bool has_half_tiles() { return true; }
#else
void sum_in_half(const HalfRow&, Dim, float*) {}

bool has_half_tiles() { return false; }
#endif

}  // namespace mpsnn::cpu
