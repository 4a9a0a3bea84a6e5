#include "backend/cpu/tile_dense.hpp"

#include <cmath>
#include <cstring>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/framed_images.hpp"
#include "backend/cpu/tiles.hpp"

namespace mpsnn::cpu {
namespace {

constexpr Dim block = tiles::block, words = tiles::words;
using tiles::blocks_of;
using tiles::depth;
using tiles::side;
using tiles::tiles_of;

/// Steps, of 32 numbers each, that a part of the weight is rounded for at a time: it stays in the
/// first cache.
constexpr Dim most_steps = 8;
constexpr Dim most_rows = 256;  // of x and y, whose sums stay in the cache
constexpr Dim group = 4;  // blocks of columns whose rows are read together, half a kilobyte of each

std::uint32_t* as_words(void* p) { return static_cast<std::uint32_t*>(p); }
const std::uint32_t* as_words(const void* p) { return static_cast<const std::uint32_t*>(p); }

/// What both directions have: whole tiles everywhere.
class TileDense {
 protected:
  TileDense(KernelContext& k, Dim rows, const Shape& weight)
      : rows_(rows), out_(weight[0]), in_(weight.size() / weight[0]) {
    for (Dim i = 0; i < most_steps; ++i) steps_[i] = i * words;
    report(k, tiles::name());
  }
  Dim row_blocks() const { return blocks_of(rows_); }
  /// Whether a second thread saves more than waking it takes.
  bool shares_work() const { return row_blocks() * block * in_ * out_ >= Dim{1} << 20; }
  /// Of the weight, from `next` on.
  tiles::Ahead ahead(const float* next, Dim step) const {
    return {next, static_cast<std::size_t>(in_), static_cast<std::size_t>(step)};
  }

  Dim rows_, out_, in_;
  std::size_t steps_[most_steps];  ///< Where the steps of a left operand lie.
};

/// The transpose of y: the weight as it lies is on the left, the transpose of x on the right.
class Forward : TileDense {
 public:
  Forward(KernelContext& k, Dim rows, const Activation& activation)
      : TileDense(k, rows, k.in(1)),
        least_(activation ? 0 : -INFINITY),
        x_(k, row_blocks() * block * in_ * sizeof(BFloat16)) {}

  void operator()(const Launch& l) const {
    auto* x = x_.at<std::uint32_t>(l);
#pragma omp parallel if (shares_work())
    {
      pack(as_words(l.inputs[0]), x);
#pragma omp barrier
      const tiles::Configured configured;
      const Share share(out_ / block);
      for (Dim o = share.begin * block; o < share.end * block; o += block) multiply(l, x, o);
    }
  }

 private:
  /// Where the steps of a block of rows lie.
  const std::uint32_t* right(const std::uint32_t* x, Dim row_block, Dim step) const {
    return x + (row_block * (in_ / depth) + step) * 2 * words;
  }

  /// This thread's share of the pairs of x; rows that it does not have are zeros.
  void pack(const std::uint32_t* x, std::uint32_t* to) const {
    const Dim steps = in_ / depth, stride = in_ / 2;
    const Share share(steps);
    for (Dim row = 0; row < rows_; row += side)
      for (Dim s = share.begin; s < share.end; ++s) {
        const std::uint32_t* from = x + row * stride + s * side;
        std::uint32_t* pairs = to + (row / block * steps + s) * 2 * words + row % block;
        if (rows_ - row >= side) {
          tiles::transpose(from, stride, pairs, block);
        } else {
          std::uint32_t some[words] = {};
          for (Dim i = 0; i < rows_ - row; ++i)
            std::copy_n(from + i * stride, side, some + i * side);
          tiles::transpose(some, side, pairs, block);
        }
      }
  }

  /// 32 columns of y, from o on.
  void multiply(const Launch& l, const std::uint32_t* x, Dim o) const {
    constexpr Dim most_blocks = most_rows / block;
    alignas(64) float sums[most_blocks][tiles::square_size];
    alignas(64) std::uint32_t left[2 * most_steps * words];
    const float* weight = l.in<float>(1) + o * in_;
    const Dim all = in_ / depth;
    for (Dim first = 0; first < all; first += most_steps) {
      const Dim steps = std::min(most_steps, all - first);
      for (Dim half = 0; half < 2; ++half)
        tiles::round_left(weight + half * side * in_ + first * depth, in_, steps,
                          left + half * most_steps * words);
      const float* next =
          first + steps < all ? weight + (first + steps) * depth : weight + block * in_;
      for (Dim b = 0; b < row_blocks(); ++b) {
        const tiles::Square sum = {sums[b], block};
        tiles::multiply({left, steps_, most_steps * words, 2},
                        {right(x, b, first), tiles_of(rows_, b * block)}, steps,
                        first ? sum : tiles::Square{}, sum, ahead(b == 0 ? next : nullptr, depth));
      }
    }
    for (Dim row = 0; row < rows_; row += side) write(l, sums[row / block] + row % block, row, o);
  }

  /// 32 columns of 16 rows of y.
  void write(const Launch& l, const float* sums, Dim row, Dim o) const {
    alignas(64) float rows[side * block], bias[block] = {};
    if (l.inputs[2]) std::copy_n(l.in<float>(2) + o, block, bias);
    for (Dim half = 0; half < block; half += side)
      tiles::transpose(as_words(sums + half * block), block, as_words(rows + half), block);
    tiles::finish(rows, std::min<Dim>(side, rows_ - row), block, bias, least_,
                  l.out<BFloat16>(0) + row * out_ + o, out_);
  }

  float least_;  ///< 0 for relu.
  Scratch x_;
};

/// The gradient of y as it lies is on the left, the weight on the right.
class DataGradient : TileDense {
 public:
  DataGradient(KernelContext& k, Dim rows)
      : TileDense(k, rows, k.in(2)), dy_(k, row_blocks() * block * out_ * sizeof(BFloat16)) {}

  void operator()(const Launch& l) const {
    auto* dy = dy_.at<std::uint32_t>(l);
#pragma omp parallel if (shares_work())
    {
      pack(as_words(l.inputs[0]), dy);
#pragma omp barrier
      const tiles::Configured configured;
      const Dim blocks = in_ / block;
      const Share share((blocks + group - 1) / group);
      for (Dim g = share.begin; g < share.end; ++g)
        multiply(l, dy, g * group, std::min(group, blocks - g * group));
    }
  }

 private:
  /// This thread's share of the tiles of dy: those of 16 rows one behind the other. Rows that it
  /// does not have stay as they are, and so do those of dx.
  void pack(const std::uint32_t* dy, std::uint32_t* to) const {
    const Dim steps = out_ / depth;
    const Share share(rows_);
    for (Dim row = share.begin; row < share.end; ++row)
      for (Dim s = 0; s < steps; ++s)
        std::copy_n(dy + row * out_ / 2 + s * side, side,
                    to + (row / side * steps + s) * words + row % side * side);
  }

  /// Some blocks of 32 columns of dx.
  void multiply(const Launch& l, const std::uint32_t* dy, Dim first_block, Dim count) const {
    constexpr Dim most_blocks = most_rows / block;
    alignas(64) float sums[most_blocks][group][tiles::square_size];
    alignas(64) std::uint32_t right[group][most_steps * 2 * words];
    const float* weight = l.in<float>(2) + first_block * block;
    const Dim all = out_ / depth;
    for (Dim first = 0; first < all; first += most_steps) {
      const Dim steps = std::min(most_steps, all - first);
      for (Dim s = 0; s < steps; ++s)
        tiles::round_right(weight + (first + s) * depth * in_, in_, count * block,
                           right[0] + s * 2 * words, most_steps * 2 * words);
      const float* next = weight + (first + steps) * depth * in_;
      for (Dim b = 0; b < row_blocks(); ++b)
        for (Dim c = 0; c < count; ++c) {
          const tiles::Square sum = {sums[b][c], block};
          tiles::multiply({dy + (2 * b * all + first) * words, steps_,
                           static_cast<std::size_t>(all * words), tiles_of(rows_, b * block)},
                          {right[c], 2}, steps, first ? sum : tiles::Square{}, sum,
                          ahead(b == 0 ? next + c * block : nullptr, depth * in_));
        }
    }
    constexpr float no_bias[block] = {};
    for (Dim b = 0; b < row_blocks(); ++b)
      for (Dim c = 0; c < count; ++c)
        tiles::finish(sums[b][c], std::min(block, rows_ - b * block), block, no_bias, -INFINITY,
                      l.out<BFloat16>(0) + b * block * in_ + (first_block + c) * block, in_);
  }

  Scratch dy_;
};

}  // namespace

/// In ms on 2 cores, 3136 -> 1024, with an update of the weight between two runs; gradients are
/// both, that of the weight oneDNN's:
///                              y: oneDNN   here      gradients: oneDNN   here
///     AMX,          64 rows        2.0      1.1                  2.0      2.2
///     AVX512-BF16,   8 rows        1.6      0.5                  1.3      1.5
///                   64 rows        1.9      1.2                  2.5      2.5
///                  256 rows        6.2      4.2                 10.4      9.4
/// oneDNN packs the weight for y, and the gradient reads it so too.
bool prefers_tile_dense(const KernelContext& k, Dim rows, ValueId weight,
                        const Activation& activation) {
  const Shape& w = k.graph.desc(weight).shape;
  const auto whole = [](Dim n) { return n % static_cast<Dim>(block) == 0; };
  return tiles::usable() && k.in_type(0) == DType::bfloat16 && is_updated(k, weight) &&
         whole(w[0]) && whole(w.size() / w[0]) && rows <= most_rows &&
         (!activation || *activation == Neuron{});
}

Kernel tile_dense(KernelContext& k, Dim rows, const Activation& activation) {
  return Forward(k, rows, activation);
}

Kernel tile_dense_data_gradient(KernelContext& k, Dim rows) { return DataGradient(k, rows); }

}  // namespace mpsnn::cpu
