#include "backend/cpu/column_convolution.hpp"

#include <cstring>

#include "backend/cpu/inner_product.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t megabyte = 1 << 20;

/// Whether x is the matrix already.
bool is_pointwise(const ConvGeometry& g) {
  const auto each = [](const ConvAxis& a) {
    return a.kernel == 1 && a.stride == 1 && a.before == 0 && a.coarse == a.fine;
  };
  return each(g.h) && each(g.w);
}

Dim row_size(const ConvGeometry& g) { return g.taps() * g.C; }

/// The row of pixel (r, c) of y: of each row of taps, pixels that lie side by side in x, and zeros
/// outside.
void fill_row(const ConvGeometry& g, const std::byte* x, Dim r, Dim c, std::size_t pixel,
              std::byte* row) {
  const Dim left = c * g.w.stride - g.w.before;
  const Dim first = std::clamp<Dim>(-left, 0, g.w.kernel);
  const Dim last = std::clamp<Dim>(g.w.fine - left, first, g.w.kernel);
  for (Dim a = 0; a < g.h.kernel; ++a, row += g.w.kernel * pixel) {
    const Dim from = g.h.fine_pixel(r, a);
    if (from < 0) {
      std::memset(row, 0, g.w.kernel * pixel);
      continue;
    }
    std::memset(row, 0, first * pixel);
    std::memcpy(row + first * pixel, x + (from * g.w.fine + left + first) * pixel,
                (last - first) * pixel);
    std::memset(row + last * pixel, 0, (g.w.kernel - last) * pixel);
  }
}

void fill_rows(const ConvGeometry& g, Dim batch, const std::byte* x, std::size_t element,
               std::byte* rows) {
  const std::size_t pixel = g.C * element, row = g.taps() * pixel;
  parallel_for(
      batch * g.h.coarse, g.w.coarse * row_size(g), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          const std::byte* image = x + i / g.h.coarse * g.h.fine * g.w.fine * pixel;
          for (Dim c = 0; c < g.w.coarse; ++c)
            fill_row(g, image, i % g.h.coarse, c, pixel, rows + (i * g.w.coarse + c) * row);
        }
      });
}

}  // namespace

/// By what was measured on one core with AVX512-BF16, in ms, the copy of x included:
///                                        bfloat16                float32
///                                  product  convolution    product  convolution
///    768 -> 192, 1x1, 17x17, 8       1.47      1.66          2.78      3.24
///    512 -> 512, 3x3, 4x4, 64       11.4      15.4          23.5      20.9
///   1024 -> 1024, 3x3, 13x13, 8     58        81           116       156
///    288 -> 384, 3x3 / 2, 35x35, 8  11.9      15.2          22.8      30.1
///    256 -> 256, 3x3, 8x8, 64       13.0      11.9          23.5      19.9
///     64 -> 64, 3x3, 32x32, 64      22        13.0          40        24.3
/// and with the gradient of x, which is oneDNN's:
///     64 ->  64, 3x1, 56x56, 8       3.64      3.06          6.85      7.15
///    128 -> 128, 1x5, 1x64, 32       1.47      1.59          2.86      2.70
///    192 -> 192, 1x7, 17x17, 8       5.21      5.80          9.72      8.98
///    384 -> 384, 3x1, 8x8, 8         1.97      2.47          3.76      4.62
/// oneDNN loses where the weight outgrows the caches, with a stride, and sooner with taps along one
/// axis, of which the copy has few.
bool prefers_columns(const ConvGeometry& g, Dim batch, DType type) {
  if (g.transposed || g.groups > 1 || g.w.dilation > 1) return false;
  if (is_pointwise(g)) return true;
  const std::size_t copy = batch * g.h.coarse * g.w.coarse * row_size(g) * size_of(type);
  const std::size_t weight = g.weight_size() * sizeof(float);
  const bool strided = g.h.stride * g.w.stride > 1;
  const bool one_axis = g.h.kernel == 1 || g.w.kernel == 1;
  std::size_t large = 4 * megabyte;
  if (one_axis) large = type == DType::bfloat16 ? megabyte / 4 : 3 * megabyte / 2;
  return g.C >= 32 && copy <= 64 * megabyte && (weight >= large || strided);
}

Kernel column_weight_gradient(KernelContext& k, const ConvGeometry& g) {
  const DType type = k.in_type(0);
  const Dim batch = k.batch, rows = batch * g.h.coarse * g.w.coarse;
  WeightProduct product(k, {rows, row_size(g), g.O, type}, k.has_out(2));
  const bool copies = !is_pointwise(g);
  const Scratch columns(k, copies ? rows * row_size(g) * size_of(type) : 0);
  return [=](const Launch& l) mutable {
    const void* x = l.inputs[1];
    if (copies) {
      fill_rows(g, batch, l.in<std::byte>(1), size_of(type), columns.at<std::byte>(l));
      x = columns.at(l);
    }
    product.run(l, x, l.inputs[0], l.outputs[1], l.outputs[2]);
  };
}

}  // namespace mpsnn::cpu
