#include "backend/cpu/pack.hpp"

#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr Dim tile = 16;  // floats, in each direction

using Pairs = std::uint32_t __attribute__((vector_size(32)));  // of half a tile
using Longs = std::uint64_t __attribute__((vector_size(64)));

MPSNN_INLINE std::uint32_t pair_of(float first, float second) {
  return BFloat16(first).bits | static_cast<std::uint32_t>(BFloat16(second).bits) << 16;
}

/// A row of a tile, in pairs.
MPSNN_INLINE void load_pairs(const float* row, Pairs& to) {
  Words u;
  std::memcpy(&u, row, sizeof u);
  const Words rounded = u + 0x7FFF + ((u >> 16) & 1), quiet = u | 0x400000;
  const Words wide = (u & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded;
  Longs both;  // two numbers, the first one below
  std::memcpy(&both, &wide, sizeof both);
  to = __builtin_convertvector(((both >> 16) & 0xFFFF) | ((both >> 32) & 0xFFFF0000), Pairs);
}

/// `rows` rows of `columns` floats, up to a tile of each, as `count` pairs along the rows: a pair
/// of each row side by side. Zeros for what is not there.
MPSNN_SIMD void transpose(const float* from, Dim stride, Dim rows, Dim columns, Dim count,
                          std::uint32_t* to, Dim to_stride) {
  float part[tile] = {};
  for (Dim half = 0; half < tile; half += tile / 2) {
    Pairs pairs[tile / 2] = {};
    for (Dim r = 0; r < std::min(tile / 2, rows - half); ++r) {
      const float* row = from + (half + r) * stride;
      if (columns < tile) row = std::copy_n(row, columns, part) - columns;
      load_pairs(row, pairs[r]);
    }
    transpose_lanes(pairs);
    for (Dim j = 0; j < count; ++j)
      std::memcpy(to + j * to_stride + half, &pairs[j], sizeof pairs[j]);
  }
}

MPSNN_SIMD void interleave(const float* a, const float* b, Dim n, std::uint32_t* to) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) to[i] = pair_of(a[i], b[i]);
}

MPSNN_SIMD void widen(const float* a, Dim n, std::uint32_t* to) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) to[i] = pair_of(a[i], 0);
}

}  // namespace

std::optional<Packer> Packer::make(const MemoryDesc& from, const MemoryDesc& to) {
  const auto dims = to.get_dims(), padded = to.get_padded_dims(), strides = to.get_strides();
  const auto blocks = to.get_inner_blks(), axes = to.get_inner_idxs();
  const std::size_t n = blocks.size();
  const bool known = to.get_data_type() == type_of(DType::bfloat16) &&
                     from.get_data_type() == type_of(DType::float32) &&
                     (dims.size() == 2 || dims.size() == 4) && from.get_inner_nblks() == 0;
  if (!known || n < 2 || n > 3 || blocks[n - 1] != 2 || blocks[n - 2] % tile != 0) return {};
  // The pair comes last, before it the block, before that perhaps more pairs.
  const auto pair = axes[n - 1], other = axes[n - 2];
  if (pair > 1 || other != 1 - pair || (n == 3 && (axes[0] != pair || blocks[0] % (tile / 2) != 0)))
    return {};
  Packer p;
  p.pairs_of_inputs_ = pair == 1;
  p.outputs_ = dims[0];
  p.inputs_ = dims[1];
  p.taps_ = dims.size() == 4 ? dims[2] * dims[3] : 1;
  // Taps follow each other on both sides.
  const auto from_strides = from.get_strides();
  if (from_strides[1] != 1 || from_strides[0] != p.taps_ * p.inputs_) return {};
  if (dims.size() == 4 && (from_strides[3] != p.inputs_ || from_strides[2] != dims[3] * p.inputs_ ||
                           (dims[2] > 1 && strides[2] != dims[3] * strides[3])))
    return {};
  p.block_ = blocks[n - 2];
  p.blocks_ = padded[other] / p.block_;
  p.pairs_ = n == 3 ? blocks[0] : 1;
  p.all_pairs_ = padded[pair] / 2;
  p.pair_stride_ = strides[pair] / 2;
  p.block_stride_ = strides[other] / 2;
  p.tap_stride_ = dims.size() == 4 ? strides[3] / 2 : 0;
  return p;
}

void Packer::run(const float* from, BFloat16* to) const {
  auto* pairs = static_cast<std::uint32_t*>(static_cast<void*>(to));
  parallel_for(blocks_ * taps_, block_ * all_pairs_, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Dim block = i / taps_, tap = i % taps_;
      std::uint32_t* at = pairs + block * block_stride_ + tap * tap_stride_;
      if (pairs_of_inputs_)
        pack_inputs(from, at, block, tap);
      else
        pack_outputs(from, at, block, tap);
    }
  });
}

void Packer::pack_inputs(const float* from, std::uint32_t* to, Dim block, Dim tap) const {
  const Dim stride = taps_ * inputs_;
  for (Dim o = block * block_; o < (block + 1) * block_; o += tile) {
    const Dim rows = std::clamp<Dim>(outputs_ - o, 0, tile);
    for (Dim i = 0; i < 2 * all_pairs_; i += tile) {
      const Dim columns = std::clamp<Dim>(inputs_ - i, 0, tile);
      std::uint32_t* at = pair_at(to, i / 2) + o % block_;
      // Runs are of one pair, or of the half of a tile.
      const Dim to_stride = pairs_ == 1 ? pair_stride_ : block_;
      const Dim count = std::min(tile / 2, all_pairs_ - i / 2);
      transpose(from + o * stride + tap * inputs_ + i, stride, rows, columns, count, at, to_stride);
    }
  }
}

void Packer::pack_outputs(const float* from, std::uint32_t* to, Dim block, Dim tap) const {
  const Dim stride = taps_ * inputs_, i = block * block_;
  const Dim n = std::clamp<Dim>(inputs_ - i, 0, block_);
  for (Dim pair = 0; pair < all_pairs_; ++pair) {
    std::uint32_t* at = pair_at(to, pair);
    const float* row = from + 2 * pair * stride + tap * inputs_ + i;
    if (2 * pair + 1 < outputs_)
      interleave(row, row + stride, n, at);
    else if (2 * pair < outputs_)
      widen(row, n, at);
    else
      std::fill_n(at, n, 0u);
    std::fill_n(at + n, block_ - n, 0u);
  }
}

}  // namespace mpsnn::cpu
