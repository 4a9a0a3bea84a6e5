#include "backend/cpu/winograd_tiles.hpp"

#include "backend/cpu/simd.hpp"
#include "backend/cpu/tiles.hpp"
#include "oneapi/dnnl/dnnl.hpp"

namespace mpsnn::cpu::winograd {

Grid::Grid(const ConvGeometry& g, Dim batch, int side)
    : h_(g.h),
      w_(g.w),
      C_(g.C),
      O_(g.O),
      batch_(batch),
      side_(side),
      outputs_(side + 1 - g.h.kernel) {
  rows_ = (h_.coarse + outputs_ - 1) / outputs_;
  columns_ = (w_.coarse + outputs_ - 1) / outputs_;
}

namespace {

template <class V, int side, class T>
MPSNN_SIMD void to_points(const T* const* pixels, Dim first, Dim channels, const Points<>& to) {
  for (Dim c = 0; c < channels; c += lanes_of<V>)
    both_axes<V, side, side>(
        [](const auto& x, auto& y) MPSNN_INLINE_LAMBDA { pixels_to_points(x, y); },
        [&](int i, V& x) MPSNN_INLINE_LAMBDA { load(pixels[i] + first + c, x); },
        [&](int i, const V& y) MPSNN_INLINE_LAMBDA { store(y, to.data + i * to.plane + c); });
}

/// R rows of V vectors of sums stay in registers. `stride` is from one row of `to` to the next.
template <int R, int V, class Vector, bool add>
MPSNN_INLINE void multiply_block(const Rows<>& left, const float* right, Dim depth, float* to,
                                 Dim stride) {
  constexpr Dim width = lanes_of<Vector>;
  Vector sums[R][V];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j)
      if constexpr (add)
        load(to + i * stride + j * width, sums[i][j]);
      else
        sums[i][j] = Vector{};
  const float* at = left.data;
  for (Dim k = 0; k < depth; ++k, at += left.step, right += V * width) {
    Vector w[V];
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) load(right + j * width, w[j]);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) sums[i][j] += at[i * left.row] * w[j];
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) store(sums[i][j], to + i * stride + j * width);
}

template <int V, bool add>
MPSNN_V4 void multiply_512(const Rows<>& left, const float* right, Dim depth, float* to,
                           Dim stride) {
  multiply_block<8, V, Floats, add>(left, right, depth, to, stride);
}
template <int R, bool add>
MPSNN_V3 void multiply_256(const Rows<>& left, const float* right, Dim depth, float* to,
                           Dim stride) {
  multiply_block<R, 2, Eight, add>(left, right, depth, to, stride);
}

template <bool add>
void multiply_all(const Rows<>& left, const float* right, Dim depth, Dim rows, Dim columns,
                  float* to) {
  const bool wide = has_512_bits();
  const Dim width = side_by_side(columns);
  const auto block = !wide            ? multiply_256<6, add>
                     : width == panel ? multiply_512<2, add>
                                      : multiply_512<1, add>;
  for (Dim i = 0, height; i < rows; i += height) {
    // Six rows of 256 bits fill the registers; twice four are what they leave of whole eights.
    const Dim rest = rows - i;
    const bool fours = !wide && (rest == 4 || rest == 8);
    height = wide ? 8 : fours ? 4 : 6;
    for (Dim j = 0; j < columns; j += width)
      (fours ? multiply_256<4, add> : block)({left.data + i * left.row, left.row, left.step},
                                             right + j * depth, depth, to + i * columns + j,
                                             columns);
  }
}

}  // namespace

template <int side, class T>
void points_of_x(const T* const* pixels, Dim first, Dim channels, const Points<>& to) {
  with_lanes(
      [&]<class V>(std::type_identity<V>) { to_points<V, side>(pixels, first, channels, to); });
}
template void points_of_x<4>(const BFloat16* const*, Dim, Dim, const Points<>&);
template void points_of_x<6>(const BFloat16* const*, Dim, Dim, const Points<>&);
template void points_of_x<6>(const float* const*, Dim, Dim, const Points<>&);
template void points_of_x<8>(const BFloat16* const*, Dim, Dim, const Points<>&);
template void points_of_x<8>(const float* const*, Dim, Dim, const Points<>&);

void multiply(const Rows<>& left, const float* right, Dim depth, Dim rows, Dim columns, bool add,
              float* to) {
  (add ? multiply_all<true> : multiply_all<false>)(left, right, depth, rows, columns, to);
}

namespace {

bool has_form(const ConvGeometry& g, DType type) {
  const auto plain = [](const ConvAxis& axis) { return axis.stride == 1 && axis.dilation == 1; };
  const bool taps = g.h.kernel == g.w.kernel && (g.h.kernel == 3 || g.h.kernel == 5);
  const bool channels =
      g.C % Dim{lanes} == 0 && g.O % Dim{lanes} == 0 && std::max(g.C, g.O) <= most_channels;
  return (type == DType::float32 || type == DType::bfloat16) && taps && channels && plain(g.h) &&
         plain(g.w) && !g.transposed && g.groups == 1;
}

/// Time, in multiply-adds of vectors of 16 floats. The factors are fitted to these, in ms on two
/// cores of Zen 5, forward, batch 64 (8 where the image is larger than 32 x 32):
///                            float32          bfloat16
///                         oneDNN   here    oneDNN   here
///     16 -> 32,   208x208   6.6     5.8      3.2     4.3
///     64 -> 64,     32x32  10.0     4.8      5.0     3.9
///     32 -> 64 5x5, 14x14   2.4     1.5*     1.1     1.4*  (* tiles of 6 x 6; see below)
///    128 -> 128,    16x16   9.1     4.4      4.6     3.4
///    512 -> 512,      4x4  10.6     3.4      6.7     3.2
///   1024 -> 1024,   13x13  52      25       25      25
/// and to these of pairs, on two cores of Zen 4, in bfloat16, forward and both gradients, batch 8:
///                             oneDNN       here
///     64 -> 64,     56x56    4.1   8.7   3.2*  4.7    (* points of float32, which are chosen)
///    256 -> 256,    14x14    3.8   8.1   2.8   4.4
///    512 -> 512,      7x7    3.8   9.0   3.8   6.0
///    512 -> 1024,   13x13   28    58    19    35
/// There the 5 x 5 taps above take 2.7 ms in float32 by tiles of 6 x 6, and 1.7 by those of 8 x 8.
double winograd_time(const ConvGeometry& g, Dim batch, bool pairs, int side, bool kept = false) {
  const Grid grid(g, batch, side);
  const double tiles = rounded(grid.tiles()), C = g.C / lanes, O = g.O / lanes;
  const double products = (pairs ? 0.75 : 1.5) * g.C * O * tiles;
  const bool made = !kept || !keeps(pairs, side * side, g.C * g.O);
  const double filters = made ? 12.5 * g.C * O : 0;
  return side * side * (products + tiles * (14 * C + 11 * O + 17) + filters);
}
/// Of the tiles of with_form.
int large_side(const ConvGeometry& g) { return large + static_cast<int>(g.h.kernel) - 1; }
/// Of bfloat16, with instructions for it, oneDNN's products are 1.6 times as fast.
double plain_time(const ConvGeometry& g, Dim batch, DType type) {
  const double products = static_cast<double>(batch * g.h.coarse * g.w.coarse * g.taps()) * g.C *
                          static_cast<double>(g.O / lanes);
  return type == DType::bfloat16 && has_bfloat16() ? products / 1.6 : products;
}

/// Not without AVX2, or a compiler that builds for it; and AMX multiplies bfloat16 faster than
/// that.
bool is_able(const ConvGeometry& g, DType type) {
  const bool able = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx2 &&
                    !(type == DType::bfloat16 && tiles::available());
  return MPSNN_HAS_LEVELS && able && has_form(g, type);
}

}  // namespace

bool suits_gradient(const ConvGeometry& g, Dim batch, DType type) {
  return is_able(g, type) && winograd_time(g, batch, pairs_gradients(g, type), large_side(g)) <
                                 0.9 * plain_time(g, batch, type);
}

Choice choose(const ConvGeometry& g, Dim batch, DType type, bool kept) {
  if (!is_able(g, type)) return Choice::none;
  const double floats = winograd_time(g, batch, false, large_side(g), kept);
  const bool small = type == DType::bfloat16 && has_pairs() && g.h.kernel == 3;
  const double pairs = small ? winograd_time(g, batch, true, 4, kept) : floats;
  if (std::min(floats, pairs) >= 0.9 * plain_time(g, batch, type)) return Choice::none;
  return pairs < floats ? Choice::small_pairs : Choice::floats;
}

}  // namespace mpsnn::cpu::winograd
