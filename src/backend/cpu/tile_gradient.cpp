#include "backend/cpu/tile_gradient.hpp"

#include <cstring>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/framed_images.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/tiles.hpp"

namespace mpsnn::cpu {
namespace {

using tiles::block;
using tiles::blocks_of;
using tiles::depth;
using tiles::side;
using tiles::tiles_of;

constexpr std::size_t cache = 1 << 20;  // bytes of pixels that are worked on at a time

/// Two pixels' numbers side by side, for 16 channels or fewer.
MPSNN_TILES inline void pair_up(const BFloat16* a, const BFloat16* b, Dim count, Words& to) {
  BFloat16 rest[2][side];
  if (count < side) {
    a = std::copy_n(a, count, rest[0]) - count;
    b = std::copy_n(b, count, rest[1]) - count;
  }
  tiles::pair_up(a, b, to);
}

/// Tiles of the transpose of 32 pixels: 16 channels each.
MPSNN_TILES void pack_left(const BFloat16* const (&pixel)[depth], Dim channels, std::uint32_t* to,
                           std::size_t stride) {
  for (Dim c = 0; c < channels; c += side, to += stride) {
    Words rows[side];
    for (int i = 0; i < side; ++i)
      pair_up(pixel[2 * i] + c, pixel[2 * i + 1] + c, channels - c, rows[i]);
    transpose_lanes(rows);
    std::memcpy(to, rows, sizeof rows);
  }
}

/// One row of pairs of each block of 32 channels.
MPSNN_TILES void pack_right(const BFloat16* a, const BFloat16* b, Dim channels, std::uint32_t* to,
                            std::size_t stride) {
  for (Dim c = 0; c < channels; c += side) {
    Words pairs;
    pair_up(a + c, b + c, channels - c, pairs);
    std::memcpy(to + c / block * stride + c % block, &pairs, sizeof pairs);
  }
}

class TileGradient {
 public:
  TileGradient(KernelContext& k, const ConvGeometry& g)
      : frame_(g), C_(g.C), O_(g.O), batch_(k.batch), taps_(frame_.taps().size()) {
    for (const FramedImages::Tap& tap : frame_.taps()) planes_of_taps_.push_back(plane_of(tap));
    const Dim all = batch_ * frame_.size();
    const std::size_t pixel_bytes = 2 * block * (blocks_of(C_) * planes_.size() + blocks_of(O_));
    chunk_ = std::max<Dim>(cache / pixel_bytes, 4 * frame_.reach()) / depth * depth;
    chunk_ = std::clamp<Dim>(chunk_, depth, (all + depth - 1) / depth * depth);
    chunks_ = (all + chunk_ - 1) / chunk_;
    pairs_ = (chunk_ + frame_.reach()) / 2 + 1;
    for (Dim i = 0; i < chunk_ / depth; ++i) steps_.push_back(i * tiles::words);
    left_ = Scratch(k, blocks_of(O_) * block * chunk_ * 2);
    right_ = Scratch(k, planes_.size() * blocks_of(C_) * pairs_ * block * 4);
    if (chunks_ > 1) sums_ = Scratch(k, products() * tiles::square_size * sizeof(float));
    report(k, tiles::name());
  }

  void operator()(const Launch& l) const {
#pragma omp parallel
    {
      for (Dim i = 0; i < chunks_; ++i) {
        const Dim first = i * chunk_, left = batch_ * frame_.size() - first;
        const Dim steps = (std::min(chunk_, left) + depth - 1) / depth;
        pack(l, first, steps);
#pragma omp barrier
        multiply(l, i, steps);
#pragma omp barrier
      }
    }
    if (l.outputs[2])
      column_sum(l.in<BFloat16>(0), batch_ * frame_.coarse().pixels, O_, l.out<float>(2));
  }

 private:
  /// The pixels of a phase two by two, from an even or from an odd one on.
  struct Plane {
    std::size_t phase;
    Dim odd;
  };

  std::size_t plane_of(const FramedImages::Tap& tap) {
    const auto same = [&](const Plane& p) {
      return p.phase == tap.phase && p.odd == tap.distance % 2;
    };
    const auto found = std::ranges::find_if(planes_, same);
    if (found != planes_.end()) return found - planes_.begin();
    planes_.push_back({tap.phase, tap.distance % 2});
    return planes_.size() - 1;
  }
  Dim products() const { return blocks_of(C_) * blocks_of(O_) * taps_; }

  struct Place {
    Dim o, c, tap;  ///< The first two in blocks.
  };
  /// Of the i-th product. Some blocks of dy stay in the cache, with one of x for all taps; and each
  /// row of the gradient is written from its begin to its end.
  Place place(Dim i) const {
    constexpr Dim together = 4;
    const Dim group = i / (blocks_of(C_) * together * taps_);
    i -= group * blocks_of(C_) * together * taps_;
    const Dim rows = std::min<Dim>(together, blocks_of(O_) - group * together);
    return {group * together + i / taps_ % rows, i / (rows * taps_), i % taps_};
  }

  /// This thread's share of the pixels of a chunk.
  void pack(const Launch& l, Dim first, Dim steps) const {
    auto* left = left_.at<std::uint32_t>(l);
    const Share blocks(steps), rows(pairs_);
    FramedPixels dy(frame_.coarse(), l.in<BFloat16>(0), O_, batch_, first + blocks.begin * depth);
    for (Dim b = blocks.begin; b < blocks.end; ++b) {
      const BFloat16* pixel[depth];
      for (const BFloat16*& p : pixel) p = dy.next();
      pack_left(pixel, O_, left + b * tiles::words, steps_.size() * tiles::words);
    }
    for (std::size_t p = 0; p < planes_.size(); ++p) {
      FramedPixels x(frame_.phases()[planes_[p].phase].map, l.in<BFloat16>(1), C_, batch_,
                     first - frame_.before() + planes_[p].odd + 2 * rows.begin);
      for (Dim j = rows.begin; j < rows.end; ++j) {
        const BFloat16 *a = x.next(), *b = x.next();
        pack_right(a, b, C_, right(l, p, 0) + j * block, pairs_ * block);
      }
    }
  }
  /// Pairs of a block of channels in a plane.
  std::uint32_t* right(const Launch& l, std::size_t plane, Dim block_of_C) const {
    return right_.at<std::uint32_t>(l) + (plane * blocks_of(C_) + block_of_C) * pairs_ * block;
  }

  /// This thread's share of the products of a chunk.
  void multiply(const Launch& l, Dim chunk, Dim steps) const {
    const tiles::Configured configured;
    const std::size_t stride = steps_.size() * tiles::words;
    auto* sums = sums_.at<float>(l);
    const Share share(products());
    for (Dim i = share.begin; i < share.end; ++i) {
      const auto [o, c, t] = place(i);
      const tiles::Left dy = {left_.at<std::uint32_t>(l) + 2 * o * stride, steps_.data(), stride,
                              tiles_of(O_, o * block)};
      const Dim pair = frame_.taps()[t].distance / 2;
      const tiles::Right x = {right(l, planes_of_taps_[t], c) + pair * block,
                              tiles_of(C_, c * block)};
      const tiles::Square sum = {sums + i * tiles::square_size, block};
      const tiles::Square before = chunk ? sum : tiles::Square{};
      if (chunk + 1 < chunks_)
        tiles::multiply(dy, x, steps, before, sum);
      else
        finish(l.out<float>(1), {o, c, t},
               [&](const tiles::Square& to) { tiles::multiply(dy, x, steps, before, to); });
    }
  }

  /// Has the last product of a place written to where it belongs.
  template <class Multiply>
  void finish(float* dweight, const Place& p, const Multiply& multiply) const {
    const Dim rows = std::min<Dim>(block, O_ - p.o * block);
    const Dim columns = std::min<Dim>(block, C_ - p.c * block);
    float* to = dweight + (p.o * block * taps_ + p.tap) * C_ + p.c * block;
    const std::size_t stride = taps_ * C_;
    if (rows % side == 0 && columns % side == 0) return multiply({to, stride});
    alignas(64) float whole[tiles::square_size];
    multiply({whole, block});
    for (Dim i = 0; i < rows; ++i) std::copy_n(whole + i * block, columns, to + i * stride);
  }

  FramedImages frame_;
  Dim C_, O_, batch_, taps_;
  std::vector<Plane> planes_;
  std::vector<std::size_t> planes_of_taps_;
  Dim chunk_, chunks_;              ///< Pixels that are worked on at a time, and how often.
  Dim pairs_;                       ///< Of a plane, in a chunk.
  std::vector<std::size_t> steps_;  ///< Where each 32 pixels of dy lie.
  Scratch left_, right_, sums_;
};

}  // namespace

/// In ms on 2 cores, batch 8 if not said otherwise, with the gradient of x, which is oneDNN's:
///                                        oneDNN   here
///    1024 -> 1024, 3x3,   13x13            101     47
///      64 -> 64,   3x3,   32x32, 64        6.6    5.9
///      32 -> 64,   3x3, 104x104            9.1    5.8
///      32 -> 64,   3x3, 147x147            7.3    9.4
///      16 -> 32,   3x3, 208x208            8.3   12.8
bool prefers_tiles(const ConvGeometry& g, DType type) {
  return type == DType::bfloat16 && tiles::available() && !g.transposed && g.groups == 1 &&
         g.C >= side && g.O >= side && std::max(g.C, g.O) <= FramedPixels::most_channels &&
         g.w.coarse <= 128;
}

Kernel tile_weight_gradient(KernelContext& k, const ConvGeometry& g) { return TileGradient(k, g); }

}  // namespace mpsnn::cpu
