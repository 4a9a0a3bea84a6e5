#include "backend/cpu/window_convolution.hpp"

#include <cmath>
#include <cstring>

#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/tiles.hpp"
#include "backend/cpu/window_rows.hpp"

namespace mpsnn::cpu {
namespace {

using tiles::square_size;

constexpr Dim side = tiles::side, words = tiles::words;

constexpr Dim unit = WindowRows::unit;
constexpr Dim most_parts = 32;  // of all rows of y, whatever the number of threads is
constexpr Dim most_outputs = 128;
constexpr Dim most_blocks = most_outputs / unit;
constexpr std::size_t here[] = {0};  // where the only step of a window lies

/// The windows of 32 pixels, as a left operand.
MPSNN_TILES void pack_windows(const BFloat16* const* numbers, Dim first, std::uint32_t* to) {
  for (int half = 0; half < 2; ++half, first += side, to += words) {
    Words rows[side];
    for (int j = 0; j < side; ++j)
      tiles::pair_up(numbers[2 * j] + first, numbers[2 * j + 1] + first, rows[j]);
    transpose_lanes(rows);
    std::memcpy(to, rows, sizeof rows);
  }
}

/// Pixels of dy two by two, zeros behind the last one, as right operands of 32 channels each.
MPSNN_TILES void pack_pixels(const BFloat16* dy, Dim O, Dim pixels, std::uint32_t* to, Dim stride) {
  static const BFloat16 zeros[side] = {};
  for (Dim c = 0; c < O; c += side) {
    std::uint32_t* at = to + c / unit * stride + c % unit;
    for (Dim p = 0; p < unit; p += 2, at += unit) {
      Words pairs;
      tiles::pair_up(p < pixels ? dy + p * O + c : zeros,
                     p + 1 < pixels ? dy + (p + 1) * O + c : zeros, pairs);
      std::memcpy(at, &pairs, sizeof pairs);
    }
  }
}

/// What both directions have.
class Windows {
 protected:
  Windows(KernelContext& k, const ConvGeometry& g)
      : rows_(g), O_(g.O), width_(g.w.coarse), height_(g.h.coarse), all_(k.batch * height_) {
    parts_ = std::min(most_parts, all_);
    buffer_size_ = (rows_.buffer_size() + unit - 1) / unit * unit;
    buffers_ = Scratch(k, parts_ * buffer_size_ * sizeof(BFloat16));
    report(k, tiles::name());
  }
  Dim blocks() const { return (O_ + unit - 1) / unit; }
  Dim first(Dim part) const { return all_ * part / parts_; }
  WindowWalk walk(const Launch& l, const void* x, Dim part) const {
    return {rows_, static_cast<const BFloat16*>(x), buffers_.at<BFloat16>(l) + part * buffer_size_};
  }

  WindowRows rows_;
  Dim O_, width_, height_;
  Dim all_;  ///< Rows of y.
  Dim parts_, buffer_size_;
  Scratch buffers_;
};

class WindowForward : Windows {
 public:
  WindowForward(KernelContext& k, const ConvGeometry& g, const Activation& activation)
      : Windows(k, g),
        least_(activation ? 0 : -INFINITY),
        weight_(k, blocks() * 2 * words * sizeof(std::uint32_t)) {}

  void operator()(const Launch& l) const {
    auto* weight = weight_.at<std::uint32_t>(l);
    pack(l.in<float>(1), weight);
#pragma omp parallel
    {
      const tiles::Configured configured;
#pragma omp for schedule(static)
      for (Dim part = 0; part < parts_; ++part) run(l, part, weight);
    }
  }

 private:
  /// Pairs of numbers for each output, zeros where there is none.
  void pack(const float* weight, std::uint32_t* to) const {
    const Dim count = rows_.numbers();
    const auto bits = [&](Dim o, Dim k) -> std::uint32_t {
      return o < O_ && k < count ? BFloat16(weight[o * count + k]).bits : 0;
    };
    for (Dim b = 0; b < blocks(); ++b)
      for (Dim pair = 0; pair < side; ++pair)
        for (Dim o = 0; o < unit; ++o)
          *to++ = bits(b * unit + o, 2 * pair) | bits(b * unit + o, 2 * pair + 1) << 16;
  }

  void run(const Launch& l, Dim part, const std::uint32_t* weight) const {
    WindowWalk walk = this->walk(l, l.inputs[0], part);
    alignas(64) float bias[unit] = {}, product[square_size];
    alignas(64) std::uint32_t windows[2 * words];
    for (Dim row = first(part); row < first(part + 1); ++row) {
      walk.move_to(row / height_, row % height_);
      for (Dim x = 0; x < width_; x += unit) {
        pack_windows(walk.numbers(), x, windows);
        const Dim pixels = std::min(unit, width_ - x);
        BFloat16* y = l.out<BFloat16>(0) + (row * width_ + x) * O_;
        for (Dim o = 0; o < O_; o += unit) {
          const Dim outputs = std::min(unit, O_ - o);
          if (l.inputs[2]) std::copy_n(l.in<float>(2) + o, outputs, bias);
          tiles::multiply({windows, here, words, pixels > side ? 2 : 1},
                          {weight + o / unit * 2 * words, outputs > side ? 2 : 1}, 1, {},
                          {product, tiles::block});
          tiles::finish(product, pixels, outputs, bias, least_, y + o, O_);
        }
      }
    }
  }

  float least_;  ///< 0 for relu.
  Scratch weight_;
};

class WindowGradient : Windows {
 public:
  WindowGradient(KernelContext& k, const ConvGeometry& g)
      : Windows(k, g), sums_(k, parts_ * blocks() * square_size * sizeof(float)) {
    for (Dim i = 0; i < most_steps; ++i) steps_[i] = i * words;
  }

  void operator()(const Launch& l) const {
    auto* sums = sums_.at<float>(l);
    const Dim size = blocks() * square_size;
#pragma omp parallel
    {
      const tiles::Configured configured;
#pragma omp for schedule(static)
      for (Dim part = 0; part < parts_; ++part) run(l, part, sums + part * size);
    }
    for (Dim part = 1; part < parts_; ++part)
      for (Dim i = 0; i < size; ++i) sums[i] += sums[part * size + i];
    auto* dweight = l.out<float>(1);
    for (Dim o = 0; o < O_; ++o)
      for (Dim k = 0; k < rows_.numbers(); ++k)
        *dweight++ = sums[o / unit * square_size + k * unit + o % unit];
    if (l.outputs[2]) column_sum(l.in<BFloat16>(0), all_ * width_, O_, l.out<float>(2));
  }

 private:
  static constexpr Dim most_steps = 8;  // of 32 pixels, that are packed before they are multiplied

  void run(const Launch& l, Dim part, float* sums) const {
    WindowWalk walk = this->walk(l, l.inputs[1], part);
    alignas(64) std::uint32_t left[2 * most_steps * words];
    alignas(64) std::uint32_t right[most_blocks * most_steps * 2 * words];
    Dim steps = 0;
    bool begun = false;
    const auto multiply = [&] {
      for (Dim b = 0; b < blocks(); ++b) {
        const tiles::Square sum = {sums + b * square_size, tiles::block};
        tiles::multiply({left, steps_, most_steps * words, 2},
                        {right + b * most_steps * 2 * words, O_ - b * unit > side ? 2 : 1}, steps,
                        begun ? sum : tiles::Square{}, sum);
      }
      begun = true;
      steps = 0;
    };
    for (Dim row = first(part); row < first(part + 1); ++row) {
      walk.move_to(row / height_, row % height_);
      for (Dim x = 0; x < width_; x += unit) {
        pack_numbers(walk.numbers(), x, left, steps);
        pack_pixels(l.in<BFloat16>(0) + (row * width_ + x) * O_, O_, std::min(unit, width_ - x),
                    right + steps * 2 * words, most_steps * 2 * words);
        if (++steps == most_steps) multiply();
      }
    }
    if (steps) multiply();
  }
  /// 32 numbers of the windows of 32 pixels in rows.
  static void pack_numbers(const BFloat16* const* numbers, Dim first, std::uint32_t* left,
                           Dim step) {
    for (Dim k = 0; k < WindowRows::most_numbers; ++k)
      std::memcpy(left + (k / side * most_steps + step) * words + k % side * side,
                  numbers[k] + first, unit * sizeof(BFloat16));
  }

  std::size_t steps_[most_steps];
  Scratch sums_;
};

}  // namespace

bool prefers_windows(const ConvGeometry& g, DType type, const Activation& activation) {
  return type == DType::bfloat16 && tiles::available() && WindowRows::suits(g) && g.O % side == 0 &&
         g.O <= most_outputs && (!activation || *activation == Neuron{});
}

Kernel window_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  return WindowForward(k, g, activation);
}

Kernel window_weight_gradient(KernelContext& k, const ConvGeometry& g) {
  return WindowGradient(k, g);
}

}  // namespace mpsnn::cpu
