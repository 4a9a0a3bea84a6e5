#pragma once

#include <array>

#include "backend/cpu/lanes.hpp"
#include "mpsnn/shape.hpp"

/// Convolutions in fewer multiplications: Winograd's minimal filtering (Lavin and Gray, "Fast
/// algorithms for convolutional neural networks", 2015). Tiles of side x side pixels overlap; each,
/// and each filter, is brought to as many points, where the convolution is a product of numbers,
/// and over channels one of matrices:
///
///     taps    side   pixels of y   multiplications, instead of    error
///     3 x 3     4       2 x 2             16            36          1
///     3 x 3     6       4 x 4             36           144          2.3
///     5 x 5     8       4 x 4             64           400          8
///
/// The errors are of rounding, beside that of plain sums of products, by the points below: with
/// the usual (0, 1, -1, 2, -2, infinity) a side of 6 would have twice its error, and none of other
/// points tried, in eighths, has less at a side of 8.
namespace mpsnn::cpu::winograd {

/// m x m pixels of y from a tile, by r x r taps.
template <int m_, int r_>
struct Form {
  static constexpr int m = m_, r = r_, taps = r * r;
  static constexpr int side = m + r - 1;  ///< Of a tile, with what it shares with its neighbours.
  static constexpr int points = side * side;
};
inline constexpr Dim panel = 2 * lanes;  ///< Columns of a product that lie side by side.

/// The points of one axis: 0, p and -p for each p of `at`, and infinity.
template <int side>
struct Axis {
  static constexpr int pairs = side / 2 - 1;
  std::array<std::array<float, side>, pairs> powers{};   ///< Of each p: 1, p, p^2, ...
  std::array<float, pairs + 1> all{};                    ///< Of prod (z - p^2): that of z^k.
  std::array<std::array<float, pairs>, pairs> others{};  ///< Without one p each.
  float at_zero = 1;                 ///< What the filter's number at 0 is multiplied with,
  std::array<float, pairs> scale{};  ///< and those at p and -p.

  explicit constexpr Axis(const std::array<float, pairs>& at) {
    for (int i = 0; i < pairs; ++i) {
      powers[i][0] = 1;
      for (int k = 1; k < side; ++k) powers[i][k] = powers[i][k - 1] * at[i];
    }
    all = product<pairs + 1>(pairs);
    at_zero = 1 / all[0];
    for (int i = 0; i < pairs; ++i) {
      others[i] = product<pairs>(i);
      float value = 0;
      for (int k = pairs; k-- > 0;) value = value * powers[i][2] + others[i][k];
      scale[i] = 1 / (2 * powers[i][2] * value);
    }
  }

 private:
  template <std::size_t size>
  constexpr std::array<float, size> product(int without) const {
    std::array<float, size> out{1};
    for (int i = 0; i < pairs; ++i) {
      if (i == without) continue;
      for (int k = size; k-- > 0;) out[k] = (k ? out[k - 1] : 0) - powers[i][2] * out[k];
    }
    return out;
  }
};
template <int side>
inline constexpr Axis<side> axis{{}};
template <>
inline constexpr Axis<4> axis<4>{{1}};
template <>
inline constexpr Axis<6> axis<6>{{0.625f, 1.5f}};
template <>
inline constexpr Axis<8> axis<8>{{0.5f, 1, 2}};

/// Transforms of one axis, of vectors V.

/// Of x.
template <int side, class V>
MPSNN_INLINE void pixels_to_points(const V (&x)[side], V (&y)[side]) {
  constexpr Axis<side> points = axis<side>;
  y[0] = points.all[0] * x[0];
  y[side - 1] = points.all[0] * x[1];
#pragma GCC unroll 8
  for (int k = 1; k <= points.pairs; ++k) {
    y[0] += points.all[k] * x[2 * k];
    y[side - 1] += points.all[k] * x[2 * k + 1];
  }
#pragma GCC unroll 8
  for (int i = 0; i < points.pairs; ++i) {
    V even = points.others[i][0] * x[2], odd = points.others[i][0] * x[1];
#pragma GCC unroll 8
    for (int k = 1; k < points.pairs; ++k) {
      even += points.others[i][k] * x[2 * k + 2];
      odd += points.others[i][k] * x[2 * k + 1];
    }
    y[1 + 2 * i] = even + points.powers[i][1] * odd;
    y[2 + 2 * i] = even - points.powers[i][1] * odd;
  }
}

/// The polynomial of n coefficients at the points; multiplied with the scales, if `scaled`.
template <bool scaled, int n, int side, class V>
MPSNN_INLINE void to_points(const V (&x)[n], V (&y)[side]) {
  constexpr Axis<side> points = axis<side>;
  y[0] = (scaled ? points.at_zero : 1) * x[0];
#pragma GCC unroll 8
  for (int i = 0; i < points.pairs; ++i) {
    const float scale = scaled ? points.scale[i] : 1;
    V even = scale * x[0], odd = scale * points.powers[i][1] * x[1];
#pragma GCC unroll 8
    for (int k = 2; k < n; ++k) (k % 2 ? odd : even) += scale * points.powers[i][k] * x[k];
    y[1 + 2 * i] = even + odd;
    y[2 + 2 * i] = even - odd;
  }
  y[side - 1] = x[n - 1];
}
/// Its adjoint.
template <bool scaled, int n, int side, class V>
MPSNN_INLINE void from_points(const V (&x)[side], V (&y)[n]) {
  constexpr Axis<side> points = axis<side>;
  y[0] = (scaled ? points.at_zero : 1) * x[0];
#pragma GCC unroll 8
  for (int i = 0; i < points.pairs; ++i) {
    const float scale = scaled ? points.scale[i] : 1;
    const V even = x[1 + 2 * i] + x[2 + 2 * i], odd = x[1 + 2 * i] - x[2 + 2 * i];
    y[0] += scale * even;
#pragma GCC unroll 8
    for (int k = 1; k < n; ++k) {
      const V term = scale * points.powers[i][k] * (k % 2 ? odd : even);
      y[k] = i ? y[k] + term : term;
    }
  }
  y[n - 1] += x[side - 1];
}

/// Of y, and its adjoint, of dy.
template <int m, int side, class V>
MPSNN_INLINE void points_to_pixels(const V (&x)[side], V (&y)[m]) {
  from_points<false>(x, y);
}
template <int m, int side, class V>
MPSNN_INLINE void pixels_to_points_of_sum(const V (&x)[m], V (&y)[side]) {
  to_points<false>(x, y);
}

/// Of a filter, and its adjoint, of the filter's gradient.
template <int r, int side, class V>
MPSNN_INLINE void taps_to_points(const V (&x)[r], V (&y)[side]) {
  to_points<true>(x, y);
}
template <int r, int side, class V>
MPSNN_INLINE void points_to_taps(const V (&x)[side], V (&y)[r]) {
  from_points<true>(x, y);
}

/// Both axes, of in x in numbers to out x out: `line` goes over columns, then over the rows of what
/// that gave. Number n, by rows, comes from read(n, number) and goes to write(n, number).
template <class V, int in, int out, class Line, class Read, class Write>
MPSNN_INLINE void both_axes(const Line& line, const Read& read, const Write& write) {
  V half[out][in];
#pragma GCC unroll 8
  for (int j = 0; j < in; ++j) {
    V column[in], turned[out];
#pragma GCC unroll 8
    for (int i = 0; i < in; ++i) read(i * in + j, column[i]);
    line(column, turned);
#pragma GCC unroll 8
    for (int i = 0; i < out; ++i) half[i][j] = turned[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < out; ++i) {
    V turned[out];
    line(half[i], turned);
#pragma GCC unroll 8
    for (int j = 0; j < out; ++j) write(i * out + j, turned[j]);
  }
}

}  // namespace mpsnn::cpu::winograd
