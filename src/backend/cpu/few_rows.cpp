#include "backend/cpu/few_rows.hpp"

#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr int vectors = FewRows::block / lanes;
constexpr Dim ahead = 32;  // pairs that are fetched before their turn: half a page

/// Sums of a block. `weight` has pairs of inputs, those of 64 outputs side by side.
template <int rows>
MPSNN_SIMD void block_product(const std::uint32_t* weight, Dim pairs, const float* x, Dim stride,
                              float* to) {
  Floats sums[rows][vectors] = {};
  for (Dim p = 0; p < pairs; ++p, weight += FewRows::block) {
    for (int v = 0; v < vectors; ++v) {
      const std::uint32_t* at = weight + v * lanes;
      __builtin_prefetch(at + ahead * FewRows::block);
      Words both;
      std::memcpy(&both, at, sizeof both);
      const Words first = both << 16, second = both & 0xFFFF0000;
      Floats a, b;
      std::memcpy(&a, &first, sizeof a);
      std::memcpy(&b, &second, sizeof b);
      for (int r = 0; r < rows; ++r) {
        sums[r][v] += a * x[r * stride + 2 * p];
        sums[r][v] += b * x[r * stride + 2 * p + 1];
      }
    }
  }
  std::memcpy(to, sums, sizeof sums);
}

using BlockProduct = void (*)(const std::uint32_t*, Dim, const float*, Dim, float*);
constexpr BlockProduct products[FewRows::most_rows] = {block_product<1>, block_product<2>,
                                                       block_product<3>, block_product<4>};

}  // namespace

FewRows::FewRows(KernelContext& k, ValueId weight, Dim out, Dim in)
    : out_(out),
      in_(in),
      weight_(k, weight, floats({out, in}, Tag::ab),
              floats({out, in}, Tag::AB16b64a2b, DType::bfloat16)) {
  report(k, "mpsnn");
}

void FewRows::run(const BFloat16* x, Dim rows, float* wide, float* y) const {
  for (Dim r = 0; r < rows; ++r) {
    convert(x + r * in_, wide + r * stride(), in_);
    if (in_ % 2) wide[r * stride() + in_] = 0;
  }
  const Dim pairs = (in_ + 1) / 2, all_pairs = (in_ + 31) / 32 * 16;
  parallel_for((out_ + block - 1) / block, block * pairs, [&](std::size_t begin, std::size_t end) {
    alignas(64) float sums[most_rows * block];
    for (Dim b = begin; b < static_cast<Dim>(end); ++b) {
      products[rows - 1](packed_ + b * all_pairs * block, pairs, wide, stride(), sums);
      const Dim count = std::min(block, out_ - b * block);
      for (Dim r = 0; r < rows; ++r) std::copy_n(sums + r * block, count, y + r * out_ + b * block);
    }
  });
}

}  // namespace mpsnn::cpu
