#include "backend/cpu/half_convolution.hpp"

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/half_tile.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/half.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn::cpu {
namespace {

/// sum[o] <- half(sum[o] + half(x[c]) * weight[c][o]), for c = 0, 1, ...
template <class T>
MPSNN_SIMD void add_pixel(const T* x, Dim channels, const double* weight, Dim row, double* sum,
                          Dim outputs) {
  for (Dim c = 0; c < channels; ++c) {
    const double value = round_to_half(static_cast<float>(x[c]));
    for (Dim o = 0; o < outputs; ++o) sum[o] = add_in_half(sum[o], value, weight[c * row + o]);
  }
}

/// The weight (groups, O / groups, taps, C / groups), rounded, as (groups, taps, C / groups,
/// O / groups): a pixel's chains then lie side by side.
void pack(const ConvGeometry& g, const float* weight, double* packed) {
  const Dim O = g.O / g.groups, rows = g.taps() * (g.C / g.groups);
  for (Dim group = 0; group < g.groups; ++group)
    for (Dim o = 0; o < O; ++o)
      for (Dim r = 0; r < rows; ++r)
        packed[(group * rows + r) * O + o] = round_to_half(weight[(group * O + o) * rows + r]);
}

/// Outputs [first, first + count) of one group at one pixel of y.
template <class T>
void sum_up(const ConvGeometry& g, const T* x, const double* weight, Dim row, Dim column, Dim group,
            Dim first, Dim count, double* sum) {
  const Dim C = g.C / g.groups, O = g.O / g.groups;
  std::fill_n(sum, count, 0.0);
  g.each_x(row, column, [&](Dim pixel, Dim tap) {
    add_pixel(x + pixel * g.C + group * C, C, weight + (group * g.taps() + tap) * C * O + first, O,
              sum, count);
  });
}

/// y of `count` outputs from their sums, which are halves, and the bias.
template <class T, class Sum>
void finish(const Activation& activation, const Sum* sum, const float* bias, Dim count, T* y) {
  for (Dim o = 0; o < count; ++o) {
    const float value = static_cast<float>(sum[o]) + (bias ? bias[o] : 0.0f);
    y[o] = neuron::activate(activation, value);
  }
}

/// Every rounding by numbers of float64: for what there are no tiles for.
template <class T>
class Emulated {
 public:
  Emulated(KernelContext& k, const ConvGeometry& g, const Activation& activation)
      : g_(g),
        activation_(activation),
        rows_(k.batch * g.y_height()),
        weight_(k, static_cast<std::size_t>(g.weight_size()) * sizeof(double)) {}

  void operator()(const Launch& l) const {
    auto* weight = weight_.template at<double>(l);
    pack(g_, l.in<float>(1), weight);
    const Dim width = g_.y_width();
    parallel_for(rows_, width * g_.weight_size(), [&](std::size_t begin, std::size_t end) {
      for (Dim row = begin; row < static_cast<Dim>(end); ++row)
        for (Dim column = 0; column < width; ++column) pixel(l, weight, row, column);
    });
  }

 private:
  void pixel(const Launch& l, const double* weight, Dim row, Dim column) const {
    const Dim O = g_.O / g_.groups, height = g_.y_height();
    const T* x = l.in<T>(0) + row / height * g_.x_size();
    const float* bias = l.in<float>(2);
    T* y = l.out<T>(0) + (row * g_.y_width() + column) * g_.O;
    double sum[half_block];
    for (Dim first = 0; first < g_.O;) {
      const Dim group = first / O, count = std::min(half_block, (group + 1) * O - first);
      sum_up(g_, x, weight, row % height, column, group, first - group * O, count, sum);
      finish(activation_, sum, bias ? bias + first : nullptr, count, y + first);
      first += count;
    }
  }

  ConvGeometry g_;
  Activation activation_;
  Dim rows_;
  Scratch weight_;
};

/// The weight, rounded, as (blocks of outputs, taps, C, half_block) with zeros behind the last
/// output. Packed when it has changed.
class BlockedWeight {
 public:
  BlockedWeight(KernelContext& k, const ConvGeometry& g)
      : variable_(k.stored(k.node.inputs[1])),
        outputs_(g.O),
        blocks_((g.O + half_block - 1) / half_block),
        size_(g.taps() * g.C),
        buffer_(k.session.memory().buffer(blocks_ * size_ * half_block * sizeof(Float16))) {}

  Dim blocks() const { return blocks_; }
  const Float16* block(Dim i) const {
    return static_cast<const Float16*>(buffer_.get()) + i * size_ * half_block;
  }
  void prepare(const float* weight) {
    if (variable_ && version_ == variable_->version) return;
    auto* packed = static_cast<Float16*>(buffer_.get());
    parallel_for(blocks_ * size_, half_block, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const Dim first = i / size_ * half_block, at = i % size_;
        for (Dim o = 0; o < half_block; ++o)
          packed[i * half_block + o] =
              first + o < outputs_ ? weight[(first + o) * size_ + at] : 0.0f;
      }
    });
    version_ = variable_ ? variable_->version : 0;
  }

 private:
  const StoredVariable* variable_;
  Dim outputs_, blocks_, size_;
  std::shared_ptr<void> buffer_;
  std::uint64_t version_ = 0;  // 0: never
};

/// By tiles, over a copy of x in float16 with the zeros around it.
template <class T>
class Tiled {
 public:
  static bool can(const ConvGeometry& g) {
    return has_half_tiles() && has_float16() && !g.transposed && g.groups == 1;
  }

  Tiled(KernelContext& k, const ConvGeometry& g, const Activation& activation)
      : g_(g),
        activation_(activation),
        batch_(k.batch),
        height_(extent(g.h)),
        width_(extent(g.w)),
        weight_(k, g),
        images_(k, batch_ * height_ * width_ * g.C * sizeof(Float16)) {}

  void operator()(const Launch& l) {
    weight_.prepare(l.in<float>(1));
    parallel_for(batch_ * height_, width_ * g_.C, [&](std::size_t begin, std::size_t end) {
      for (Dim row = begin; row < static_cast<Dim>(end); ++row) fill(l, row);
    });
    const Dim cost = g_.w.coarse * g_.weight_size();
    parallel_for(batch_ * g_.h.coarse, cost, [&](std::size_t begin, std::size_t end) {
      for (Dim row = begin; row < static_cast<Dim>(end); ++row)
        for (Dim block = 0; block < weight_.blocks(); ++block) sum_row(l, row, block);
    });
  }

 private:
  static constexpr Dim chunk = 32;  // pixels whose sums wait to be finished, in the first cache

  /// Pixels from the first that a window reads to the last, and the image at least.
  static Dim extent(const ConvAxis& a) {
    return std::max(a.before + a.fine, (a.coarse - 1) * a.stride + (a.kernel - 1) * a.dilation + 1);
  }

  /// A row of the copy.
  void fill(const Launch& l, Dim row) const {
    const Dim from = row % height_ - g_.h.before, before = g_.w.before * g_.C;
    const Dim image = g_.w.fine * g_.C, all = width_ * g_.C;
    auto* to = images_.template at<Float16>(l) + row * all;
    if (from < 0 || from >= g_.h.fine) {
      std::fill_n(to, all, Float16{});
      return;
    }
    const T* x = l.in<T>(0) + row / height_ * g_.x_size() + from * image;
    std::fill_n(to, before, Float16{});
    if constexpr (std::is_same_v<T, float>)
      convert(x, to + before, image);
    else
      std::copy_n(x, image, to + before);
    std::fill(to + before + image, to + all, Float16{});
  }

  void sum_row(const Launch& l, Dim row, Dim block) const {
    const Dim n = row / g_.h.coarse, top = row % g_.h.coarse * g_.h.stride;
    const Dim line = width_ * g_.C, first = block * half_block;
    const Dim count = std::min(half_block, g_.O - first);
    const float* bias = l.in<float>(2) ? l.in<float>(2) + first : nullptr;
    HalfRow tiles = {images_.template at<Float16>(l) + (n * height_ + top) * line,
                     weight_.block(block),
                     g_.h.kernel,
                     g_.w.kernel,
                     g_.C,
                     g_.h.dilation * line,
                     g_.w.dilation * g_.C,
                     g_.w.stride * g_.C};
    T* y = l.out<T>(0) + row * g_.w.coarse * g_.O + first;
    float sums[chunk * half_block];
    for (Dim column = 0; column < g_.w.coarse; column += chunk, tiles.x += chunk * tiles.step) {
      const Dim pixels = std::min(chunk, g_.w.coarse - column);
      sum_in_half(tiles, pixels, sums);
      for (Dim p = 0; p < pixels; ++p, y += g_.O)
        finish(activation_, sums + p * half_block, bias, count, y);
    }
  }

  ConvGeometry g_;
  Activation activation_;
  Dim batch_, height_, width_;
  BlockedWeight weight_;
  Scratch images_;
};

}  // namespace

Kernel half_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  const bool tiled = Tiled<float>::can(g);
  k.implementation = tiled ? "mpsnn half avx512_fp16" : "mpsnn half";
  const auto make = [&]<class T>(T) -> Kernel {
    if (tiled) return Tiled<T>(k, g, activation);
    return Emulated<T>(k, g, activation);
  };
  return k.in_type(0) == DType::float16 ? make(Float16{}) : make(float{});
}

}  // namespace mpsnn::cpu
