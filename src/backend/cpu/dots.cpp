#include "backend/cpu/dots.hpp"

#include "backend/cpu/lanes.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

using Quad = float __attribute__((vector_size(16)));

/// The sum of each of four vectors.
template <class V>
MPSNN_INLINE void sum_each(const V (&sums)[4], Quad& result) {
  Quad rows[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(sums[i], sums[i], 0, 1, 2, 3) +
              __builtin_shufflevector(sums[i], sums[i], 4, 5, 6, 7);
    if constexpr (lanes_of<V> == 16)
      rows[i] += __builtin_shufflevector(sums[i], sums[i], 8, 9, 10, 11) +
                 __builtin_shufflevector(sums[i], sums[i], 12, 13, 14, 15);
  }
  constexpr std::make_integer_sequence<int, 4> in_order;
  exchange<1>(rows, in_order);
  exchange<2>(rows, in_order);
  result = (rows[0] + rows[1]) + (rows[2] + rows[3]);
}

/// Of the last numbers of a row, those that no whole vector before them has; 0 for the others.
template <class V>
MPSNN_INLINE void load_rest(const float* end, Dim rest, V& to) {
  decltype(to > to) at;
  for (int i = 0; i < static_cast<int>(lanes_of<V>); ++i) at[i] = i;
  load(end - lanes_of<V>, to);
  to = at >= static_cast<int>(lanes_of<V> - rest) ? to : V{};
}

/// One group, with `rows` rows of x. Two chains of sums for one row, as a sum waits for the one
/// before it.
template <class V, int rows>
MPSNN_INLINE void group(const Dots& d, const float* weight, const float* x, float* y) {
  constexpr int width = lanes_of<V>, chains = 2 / rows;
  const Dim apart = d.apart * d.in;
  V sums[chains][rows][4] = {};
  const auto add = [&](int chain, const V(&xs)[rows], const V(&ws)[4]) MPSNN_INLINE_LAMBDA {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 2
      for (int r = 0; r < rows; ++r) sums[chain][r][i] += ws[i] * xs[r];
  };
  const auto add_at = [&](Dim k, int chain) MPSNN_INLINE_LAMBDA {
    V xs[rows], ws[4];
#pragma GCC unroll 2
    for (int r = 0; r < rows; ++r) load(x + r * d.x_stride + k, xs[r]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) load(weight + i * apart + k, ws[i]);
    add(chain, xs, ws);
  };
  Dim k = 0;
  for (; k + chains * width <= d.in; k += chains * width)
#pragma GCC unroll 2
    for (int chain = 0; chain < chains; ++chain) add_at(k + chain * width, chain);
  if (k + width <= d.in) {
    add_at(k, 0);
    k += width;
  }
  if (k < d.in) {
    V xs[rows], ws[4];
    for (int r = 0; r < rows; ++r) load_rest(x + r * d.x_stride + d.in, d.in - k, xs[r]);
    for (int i = 0; i < 4; ++i) load_rest(weight + i * apart + d.in, d.in - k, ws[i]);
    add(0, xs, ws);
  }
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; chains == 2 && i < 4; ++i) sums[0][r][i] += sums[chains - 1][r][i];
    Quad result;
    sum_each(sums[0][r], result);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) y[r * d.y_stride + i * d.apart] = result[i];
  }
}

template <class V>
MPSNN_SIMD void groups(const Dots& d, Dim begin, Dim end, Dim step) {
  for (Dim at = begin; at < end; at += step) {
    const float* weight = d.weight + at * d.in;
    Dim r = 0;
    for (; r + 2 <= d.rows; r += 2)
      group<V, 2>(d, weight, d.x + r * d.x_stride, d.y + r * d.y_stride + at);
    if (r < d.rows) group<V, 1>(d, weight, d.x + r * d.x_stride, d.y + r * d.y_stride + at);
  }
}

}  // namespace

void Dots::run(Dim begin, Dim end, Dim step) const {
  with_lanes([&]<class V>(std::type_identity<V>) { groups<V>(*this, begin, end, step); });
}

void few_dots(const float* weight, Dim out, Dim in, const float* x, Dim rows, float* y) {
  const Dots dots{weight, in, 1, x, rows, in, y, out};
  const Dim whole = out / 4;
  parallel_for(whole, 4 * in,
               [&](std::size_t begin, std::size_t end) { dots.run(4 * begin, 4 * end, 4); });
  const Dots single{weight, in, 0, x, rows, in, y, out};  // four times the same row
  single.run(4 * whole, out, 1);
}

}  // namespace mpsnn::cpu
