#include "backend/cpu/tile_convolution.hpp"

#include <cmath>
#include <cstring>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/framed_images.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/tiles.hpp"

namespace mpsnn::cpu {
namespace {

using tiles::block;
using tiles::blocks_of;
using tiles::depth;
using tiles::side;
using tiles::tiles_of;

/// A product of framed images with a weight of taps.
class TileConvolution {
 public:
  /// `weight` and `taps`, in the order of the steps, follow from the direction.
  TileConvolution(KernelContext& k, const ConvGeometry& g, Weight weight, bool backward,
                  float least)
      : frame_(g),
        C_(g.C),
        O_(g.O),
        batch_(k.batch),
        pixels_(batch_ * frame_.size()),
        rows_((pixels_ + block - 1) / block * block + frame_.reach()),
        least_(least),
        weight_(std::move(weight)) {
    const Dim taps = frame_.taps().size(), blocks = blocks_of(C_);
    const auto add = [&](Dim tap, Dim c) {
      const FramedImages::Tap& t = frame_.taps()[tap];
      steps_.push_back(((t.phase * blocks + c) * rows_ + t.distance) * side);
    };
    if (backward) {
      for (Dim tap = taps; tap-- > 0;)
        for (Dim c = 0; c < blocks; ++c) add(tap, c);
    } else {
      for (Dim c = 0; c < blocks; ++c)
        for (Dim tap = 0; tap < taps; ++tap) add(tap, c);
    }
    images_ = Scratch(k, frame_.phases().size() * blocks * rows_ * block * sizeof(BFloat16));
    report(k, tiles::name());
  }

  void operator()(const Launch& l, const void* x, const void* weight, const float* bias, void* y) {
    const void* packed = weight_.get(l, weight);
#pragma omp parallel
    {
      copy(static_cast<const BFloat16*>(x), images_.at<BFloat16>(l));
#pragma omp barrier
      multiply(images_.at<std::uint32_t>(l), static_cast<const std::uint32_t*>(packed), bias,
               static_cast<BFloat16*>(y));
    }
  }

 private:
  /// This thread's share of the framed images: rows of 32 channels, a block behind the other.
  void copy(const BFloat16* x, BFloat16* to) const {
    const Share rows(rows_);
    const Dim whole = C_ / block, rest = C_ % block;
    for (const FramedImages::Phase& phase : frame_.phases()) {
      FramedPixels pixels(phase.map, x, C_, batch_, rows.begin - frame_.before());
      for (Dim r = rows.begin; r < rows.end; ++r) {
        const BFloat16* pixel = pixels.next();
        for (Dim c = 0; c < whole; ++c)
          std::memcpy(to + (c * rows_ + r) * block, pixel + c * block, block * sizeof(BFloat16));
        if (!rest) continue;
        BFloat16* last = to + (whole * rows_ + r) * block;
        std::fill_n(std::copy_n(pixel + whole * block, rest, last), block - rest, BFloat16());
      }
      to += blocks_of(C_) * rows_ * block;
    }
  }

  /// This thread's share of y.
  void multiply(const std::uint32_t* images, const std::uint32_t* weight, const float* bias,
                BFloat16* y) const {
    const tiles::Configured configured;
    alignas(64) float product[tiles::square_size], bias_of[block];
    const Dim blocks = (pixels_ + block - 1) / block;
    const Share share(blocks * blocks_of(O_));
    for (Dim i = share.begin; i < share.end; ++i) {
      const Dim o = i / blocks, first = i % blocks * block;
      if (i == share.begin || first == 0) {
        std::fill_n(bias_of, block, 0.0f);
        if (bias) std::copy_n(bias + o * block, std::min<Dim>(block, O_ - o * block), bias_of);
      }
      const tiles::Left x = {images + first * side, steps_.data(), side * side,
                             tiles_of(pixels_, first)};
      const tiles::Right w = {weight + o * steps_.size() * 2 * tiles::words,
                              tiles_of(O_, o * block)};
      tiles::multiply(x, w, steps_.size(), {}, {product, block});
      write(product, bias_of, first, o * block, y);
    }
  }

  void write(const float* product, const float* bias, Dim first, Dim o, BFloat16* y) const {
    FramedWalk walk(frame_.coarse(), batch_, first);
    for (Dim i = 0; i < std::min<Dim>(block, pixels_ - first); ++i) {
      const Dim pixel = walk.next();
      if (pixel < 0) continue;
      for (Dim j = 0; j < std::min<Dim>(block, O_ - o); j += side) {
        const float* sums = product + i * block + j;
        const Dim count = std::min<Dim>(side, O_ - o - j);
        BFloat16* to = y + pixel * O_ + o + j;
        if (count == side) {
          tiles::finish(sums, 1, side, bias + j, least_, to, 0);
        } else {
          BFloat16 rest[side];
          tiles::finish(sums, 1, side, bias + j, least_, rest, 0);
          std::copy_n(rest, count, to);
        }
      }
    }
  }

  FramedImages frame_;
  Dim C_, O_, batch_;
  Dim pixels_, rows_;               ///< Of all framed images; with what taps reach beyond.
  std::vector<std::size_t> steps_;  ///< Where the 32 numbers of each step lie for the first pixel.
  float least_;                     ///< 0 for relu.
  Weight weight_;
  Scratch images_;
};

Weight packed(KernelContext& k, int input, Dim O, Dim C, const ConvGeometry& g, Tag tag) {
  const Dim row = g.w.kernel * C, filter = g.h.kernel * row;
  const dnnl::memory::dims dims = {O, C, g.h.kernel, g.w.kernel};
  Weight out(k, k.node.inputs[input], floats(dims, {filter, 1, row, C}),
             floats(dims, tag, DType::bfloat16), Weight::Kept::unchanged);
  out.alone(k, k.node.inputs[input]);
  return out;
}

/// Whether oneDNN leaves most of its tiles empty: it fills one from a single row of y. In ms on 2
/// cores, as parts of a network, batch 8 if not said otherwise:
///                                         oneDNN   here
///     512 -> 512,   3x3,     4x4, 64        8.2     2.8
///       its gradient                       15.0     9.0
///     256 -> 512,   3x3/2,   4x4, 64        3.0     2.4
///     448 -> 384,   3x3,     8x8            1.3     1.0
///     384 -> 384,   1x3,     8x8            0.35    0.35
///     192 -> 192,   1x7,   17x17            0.52    0.70
///     288 -> 384,   3x3/2, 17x17            4.0     3.4
///      64 -> 96,    3x3,   35x35            0.46    0.73
///      32 -> 64,    3x3, 147x147            3.0     5.2
///     768 -> 192,   1x1,   17x17            0.43    0.98
///    1280 -> 384,   1x1,     8x8            0.42    0.50
bool rows_are_short(const ConvGeometry& g, Dim batch) {
  const Dim half = side / 2;
  return g.taps() > 1 &&
         (g.w.coarse < half || (g.w.coarse == half && batch * g.h.coarse <= 8 * side));
}

}  // namespace

bool prefers_tile_convolution(const ConvGeometry& g, Dim batch, DType type,
                              const Activation& activation) {
  return type == DType::bfloat16 && tiles::available() && !g.transposed && g.groups == 1 &&
         (!activation || *activation == Neuron{}) && std::min(g.C, g.O) >= side &&
         std::max(g.C, g.O) <= FramedPixels::most_channels && rows_are_short(g, batch);
}

bool prefers_tile_data_gradient(const ConvGeometry& g, Dim batch, DType type) {
  return g.h.stride * g.w.stride == 1 && prefers_tile_convolution(adjoint(g), batch, type, {});
}

Kernel tile_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  TileConvolution run(k, g, packed(k, 1, g.O, g.C, g, Tag::ABcd16b32a2b), false,
                      activation ? 0 : -INFINITY);
  return [run](const Launch& l) mutable {
    run(l, l.inputs[0], l.inputs[1], l.in<float>(2), l.outputs[0]);
  };
}

Kernel tile_data_gradient(KernelContext& k, const ConvGeometry& g) {
  TileConvolution run(k, adjoint(g), packed(k, 2, g.O, g.C, g, Tag::BcdA16a32b2a), true, -INFINITY);
  return
      [run](const Launch& l) mutable { run(l, l.inputs[0], l.inputs[2], nullptr, l.outputs[0]); };
}

}  // namespace mpsnn::cpu
