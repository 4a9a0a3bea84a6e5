#include "backend/cpu/few_rows.hpp"

#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"

#if MPSNN_HAS_PAIRS
#include <immintrin.h>
#endif

namespace mpsnn::cpu {
namespace {

constexpr Dim ahead = 32;  // pairs that are fetched before their turn: half a page

// Sums of a block. `weight` has pairs of inputs, those of 64 outputs side by side; rows of x, which
// are of whole pairs, are `stride` numbers apart.

/// Two numbers of each word, as floats.
template <class V>
MPSNN_INLINE void split(const WordsOf<V>& both, V& first, V& second) {
  const WordsOf<V> low = both << 16, high = both & 0xFFFF0000;
  std::memcpy(&first, &low, sizeof first);
  std::memcpy(&second, &high, sizeof second);
}

/// Of so many outputs at a time that the sums stay in registers.
template <class V, int rows>
MPSNN_SIMD void block_product(const std::uint32_t* weight, Dim pairs, const BFloat16* x, Dim stride,
                              float* to) {
  constexpr int width = lanes_of<V>, all = FewRows::block / width;
  constexpr int held = width == lanes || rows == 1 ? all : rows == 2 ? 4 : 2;
  for (int first = 0; first < all; first += held) {
    V sums[rows][held] = {};
    const std::uint32_t* at = weight + first * width;
    for (Dim p = 0; p < pairs; ++p, at += FewRows::block) {
      V xs[rows][2], ws[2];
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        std::uint32_t pair;
        std::memcpy(&pair, x + r * stride + 2 * p, sizeof pair);
        split(WordsOf<V>{} + pair, xs[r][0], xs[r][1]);
      }
#pragma GCC unroll 8
      for (int v = 0; v < held; ++v) {
        if (width == lanes) __builtin_prefetch(at + v * width + ahead * FewRows::block);
        WordsOf<V> both;
        std::memcpy(&both, at + v * width, sizeof both);
        split(both, ws[0], ws[1]);
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
          sums[r][v] += ws[0] * xs[r][0];
          sums[r][v] += ws[1] * xs[r][1];
        }
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < held; ++v)
        store(sums[r][v], to + r * FewRows::block + (first + v) * width);
  }
}

#if MPSNN_HAS_PAIRS

constexpr int vectors = FewRows::block / lanes;

/// Chains of sums: a sum waits for the one before it, 4 vectors of one row are too few for that.
constexpr int chains_for(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

template <int rows>
MPSNN_PAIRS void block_of_pairs(const std::uint32_t* weight, Dim pairs, const BFloat16* x,
                                Dim stride, float* to) {
  constexpr int chains = chains_for(rows);
  __m512 sums[chains][rows][vectors] = {};
  const auto add = [&](Dim p, int chain) MPSNN_PAIRS MPSNN_INLINE_LAMBDA {
    __m512bh w[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const std::uint32_t* at = weight + p * FewRows::block + v * lanes;
      __builtin_prefetch(at + ahead * FewRows::block);
      w[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(at));
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      int pair;
      std::memcpy(&pair, x + r * stride + 2 * p, sizeof pair);
      const auto both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        sums[chain][r][v] = _mm512_dpbf16_ps(sums[chain][r][v], both, w[v]);
    }
  };
  Dim p = 0;
  for (; p + chains <= pairs; p += chains)
#pragma GCC unroll 4
    for (int chain = 0; chain < chains; ++chain) add(p + chain, chain);
  for (; p < pairs; ++p) add(p, 0);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      __m512 sum = sums[0][r][v];
      for (int chain = 1; chain < chains; ++chain) sum = _mm512_add_ps(sum, sums[chain][r][v]);
      _mm512_storeu_ps(to + (r * vectors + v) * lanes, sum);
    }
}

#else

template <int rows>
void block_of_pairs(const std::uint32_t*, Dim, const BFloat16*, Dim, float*) {}

#endif

using BlockProduct = void (*)(const std::uint32_t*, Dim, const BFloat16*, Dim, float*);

BlockProduct product_of(Dim rows) {
  static constexpr BlockProduct products[3][FewRows::most_rows] = {
      {block_product<Eight, 1>, block_product<Eight, 2>, block_product<Eight, 3>,
       block_product<Eight, 4>},
      {block_product<Floats, 1>, block_product<Floats, 2>, block_product<Floats, 3>,
       block_product<Floats, 4>},
      {block_of_pairs<1>, block_of_pairs<2>, block_of_pairs<3>, block_of_pairs<4>}};
  static const int which = MPSNN_HAS_PAIRS && has_bfloat16() ? 2 : has_512_bits() ? 1 : 0;
  return products[which][rows - 1];
}

}  // namespace

FewRows::FewRows(KernelContext& k, ValueId weight, Dim out, Dim in)
    : out_(out),
      in_(in),
      weight_(k, weight, floats({out, in}, Tag::ab),
              floats({out, in}, Tag::AB16b64a2b, DType::bfloat16)) {
  report(k, "mpsnn");
}

void FewRows::run(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const {
  x = rows_of_pairs(x, rows, whole);
  parallel_for(blocks(), block * stride() / 2,
               [&](std::size_t begin, std::size_t end) { run_blocks(x, rows, y, begin, end); });
}

void FewRows::run_alone(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const {
  run_blocks(rows_of_pairs(x, rows, whole), rows, y, 0, blocks());
}

void FewRows::run_share(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const {
  const Share share(blocks());
  run_blocks(rows_of_pairs(x, rows, whole), rows, y, share.begin, share.end);
}

const BFloat16* FewRows::rows_of_pairs(const BFloat16* x, Dim rows, BFloat16* whole) const {
  if (in_ % 2 == 0) return x;
  for (Dim r = 0; r < rows; ++r) {
    std::copy_n(x + r * in_, in_, whole + r * stride());
    whole[r * stride() + in_] = BFloat16();
  }
  return whole;
}

void FewRows::run_blocks(const BFloat16* x, Dim rows, float* y, Dim begin, Dim end) const {
  const BlockProduct product = product_of(rows);
  const Dim pairs = stride() / 2, all_pairs = (in_ + 31) / 32 * 16;
  alignas(64) float sums[most_rows * block];
  for (Dim b = begin; b < end; ++b) {
    product(packed_ + b * all_pairs * block, pairs, x, stride(), sums);
    const Dim count = std::min(block, out_ - b * block);
    for (Dim r = 0; r < rows; ++r) std::copy_n(sums + r * block, count, y + r * out_ + b * block);
  }
}

}  // namespace mpsnn::cpu
