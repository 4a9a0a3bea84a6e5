#pragma once

#include "backend/cpu/lanes.hpp"
#include "mpsnn/shape.hpp"

/// Convolutions in fewer multiplications: Winograd's minimal filtering (Lavin and Gray, "Fast
/// algorithms for convolutional neural networks", 2015). Tiles of 6 x 6 pixels overlap; each, and
/// each filter, is brought to 36 points, where the convolution is a product of numbers, and over
/// channels one of matrices. 3 x 3 taps give 4 x 4 pixels of a tile for 36 multiplications instead
/// of 144, 5 x 5 taps 2 x 2 for 36 instead of 100.
///
/// The points are (0, 5/8, -5/8, 3/2, -3/2, infinity) along each axis. On 3 x 3 taps the usual
/// (0, 1, -1, 2, -2, infinity) have twice their error of rounding, which is 2.3 times that of plain
/// sums of products.
///
/// Tiles of 4 x 4 pixels give 2 x 2 by 3 x 3 taps for 16 multiplications instead of 36, at the
/// points (0, 1, -1, infinity), which hardly add to errors of rounding.
namespace mpsnn::cpu::winograd {

/// m x m pixels of y from a tile, by r x r taps.
template <int m_, int r_>
struct Form {
  static constexpr int m = m_, r = r_, taps = r * r;
  static constexpr int side = m + r - 1;  ///< Of a tile, with what it shares with its neighbours.
  static constexpr int points = side * side;
};
inline constexpr Dim panel = 2 * lanes;  ///< Columns of a product that lie side by side.

inline constexpr float a = 0.625f, b = 1.5f, aa = a * a, bb = b * b;

/// Transforms of one axis, of vectors V.

/// Of x.
template <class V>
MPSNN_INLINE void pixels_to_points(const V (&x)[4], V (&y)[4]) {
  y[0] = x[0] - x[2];
  y[1] = x[2] + x[1];
  y[2] = x[2] - x[1];
  y[3] = x[3] - x[1];
}
template <class V>
MPSNN_INLINE void pixels_to_points(const V (&x)[6], V (&y)[6]) {
  const V even_a = x[4] - bb * x[2], odd_a = x[3] - bb * x[1];
  const V even_b = x[4] - aa * x[2], odd_b = x[3] - aa * x[1];
  y[0] = aa * bb * x[0] - (aa + bb) * x[2] + x[4];
  y[1] = even_a + a * odd_a;
  y[2] = even_a - a * odd_a;
  y[3] = even_b + b * odd_b;
  y[4] = even_b - b * odd_b;
  y[5] = aa * bb * x[1] - (aa + bb) * x[3] + x[5];
}

/// Of y.
template <class V>
MPSNN_INLINE void points_to_pixels(const V (&x)[4], V (&y)[2]) {
  y[0] = x[0] + x[1] + x[2];
  y[1] = x[1] - x[2] + x[3];
}
template <int m, class V>
MPSNN_INLINE void points_to_pixels(const V (&x)[6], V (&y)[m]) {
  const V even_a = x[1] + x[2], odd_a = a * (x[1] - x[2]);
  const V even_b = x[3] + x[4], odd_b = b * (x[3] - x[4]);
  y[0] = x[0] + even_a + even_b;
  if constexpr (m == 2) {
    y[1] = odd_a + odd_b + x[5];
  } else {
    y[1] = odd_a + odd_b;
    y[2] = aa * even_a + bb * even_b;
    y[3] = aa * odd_a + bb * odd_b + x[5];
  }
}
/// Its adjoint, of dy.
template <int m, class V>
MPSNN_INLINE void pixels_to_points_of_sum(const V (&x)[m], V (&y)[6]) {
  V even_a = x[0], odd_a = x[1], even_b = x[0], odd_b = x[1];
  if constexpr (m == 4) {
    even_a += aa * x[2];
    even_b += bb * x[2];
    odd_a += aa * x[3];
    odd_b += bb * x[3];
  }
  y[0] = x[0];
  y[1] = even_a + a * odd_a;
  y[2] = even_a - a * odd_a;
  y[3] = even_b + b * odd_b;
  y[4] = even_b - b * odd_b;
  y[5] = x[m - 1];
}

inline constexpr float at_0 = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)),
                       at_b = 1 / (2 * bb * (bb - aa));

/// Of a filter.
template <class V>
MPSNN_INLINE void taps_to_points(const V (&x)[3], V (&y)[4]) {
  const V even = 0.5f * (x[0] + x[2]), odd = 0.5f * x[1];
  y[0] = x[0];
  y[1] = even + odd;
  y[2] = even - odd;
  y[3] = x[2];
}
template <int r, class V>
MPSNN_INLINE void taps_to_points(const V (&x)[r], V (&y)[6]) {
  V even_a = x[0] + aa * x[2], odd_a = a * x[1];
  V even_b = x[0] + bb * x[2], odd_b = b * x[1];
  if constexpr (r == 5) {
    even_a += aa * aa * x[4];
    even_b += bb * bb * x[4];
    odd_a += a * aa * x[3];
    odd_b += b * bb * x[3];
  }
  y[0] = at_0 * x[0];
  y[1] = at_a * (even_a + odd_a);
  y[2] = at_a * (even_a - odd_a);
  y[3] = at_b * (even_b + odd_b);
  y[4] = at_b * (even_b - odd_b);
  y[5] = x[r - 1];
}
/// Its adjoint, of the filter's gradient.
template <int r, class V>
MPSNN_INLINE void points_to_taps(const V (&x)[6], V (&y)[r]) {
  const V even_a = at_a * (x[1] + x[2]), odd_a = a * at_a * (x[1] - x[2]);
  const V even_b = at_b * (x[3] + x[4]), odd_b = b * at_b * (x[3] - x[4]);
  y[0] = at_0 * x[0] + even_a + even_b;
  y[1] = odd_a + odd_b;
  y[2] = aa * even_a + bb * even_b;
  if constexpr (r == 5) {
    y[3] = aa * odd_a + bb * odd_b;
    y[4] = aa * aa * even_a + bb * bb * even_b;
  }
  y[r - 1] += x[5];
}

/// Both axes, of in x in numbers to out x out: `line` goes over columns, then over the rows of what
/// that gave. Number n, by rows, comes from read(n, number) and goes to write(n, number).
template <class V, int in, int out, class Line, class Read, class Write>
MPSNN_INLINE void both_axes(const Line& line, const Read& read, const Write& write) {
  V half[out][in];
#pragma GCC unroll 6
  for (int j = 0; j < in; ++j) {
    V column[in], turned[out];
#pragma GCC unroll 6
    for (int i = 0; i < in; ++i) read(i * in + j, column[i]);
    line(column, turned);
#pragma GCC unroll 6
    for (int i = 0; i < out; ++i) half[i][j] = turned[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < out; ++i) {
    V turned[out];
    line(half[i], turned);
#pragma GCC unroll 6
    for (int j = 0; j < out; ++j) write(i * out + j, turned[j]);
  }
}

}  // namespace mpsnn::cpu::winograd
