#pragma once

#include <algorithm>
#include <cmath>

#include "backend/kernel_backend.hpp"

/// Normalization by a window around each element, of pixels or of channels, in any arithmetic:
///   y = pm + ps (x - p0 M) / T^beta,  T = delta + alpha Q
/// with Q the mean square of the window or, where contrast is meant, its variance around the
/// mean M; what is outside counts as 0. Gradients: with D = dy ps / T^beta,
/// B = 2 alpha beta / N * dy ps (x - p0 M) / T^(beta + 1), and N the window's size,
///   dx_i = D_i - sum over the r whose windows have i of (x_i - M_r) B_r + p0 / N D_r
namespace mpsnn::window_norm {

/// The three ops as one.
template <class T>
struct Attributes {
  Dim H, W, C;
  Dim rows, columns, channels;  ///< Of the window.
  T alpha, beta, delta, p0 = 0, pm = 0, ps = 1;
  bool contrast = false;

  Attributes(const CrossChannelNorm& op, const Shape& x)
      : Attributes({1, x.size() / x[x.rank() - 1], x[x.rank() - 1]}, {1, 1}, op.size, op) {}
  Attributes(const SpatialNorm& op, const Shape& x) : Attributes(x, op.kernel, 1, op) {}
  Attributes(const LocalContrastNorm& op, const Shape& x) : Attributes(x, op.kernel, 1, op) {
    p0 = op.p0;
    pm = op.pm;
    ps = op.ps;
    contrast = true;
  }

  Dim size() const { return H * W * C; }
  T count() const { return static_cast<T>(rows * columns * channels); }

 private:
  template <class Op>
  Attributes(const Shape& x, Size2 kernel, Dim channels_, const Op& op)
      : H(x[0]),
        W(x[1]),
        C(x[2]),
        rows(kernel.h),
        columns(kernel.w),
        channels(channels_),
        alpha(op.alpha),
        beta(op.beta),
        delta(op.delta) {}
};

/// First and last place of a window of `size` around `at`, inside of [0, extent); `reversed`:
/// of those whose windows have `at`.
struct Range {
  Dim first, last;
  Range(Dim at, Dim size, Dim extent, bool reversed) {
    const Dim before = reversed ? (size - 1) / 2 : size / 2;
    first = std::max<Dim>(0, at - before);
    last = std::min(extent, at - before + size);
  }
};

/// out[c] += value(element, c) over the window of each element of pixel (i, j) of an image.
template <class T, class V>
void add_window(const Attributes<T>& a, Dim i, Dim j, bool reversed, const V& value, T* out) {
  if (a.channels > 1) {
    const Dim pixel = (i * a.W + j) * a.C;
    for (Dim c = 0; c < a.C; ++c) {
      const Range channels(c, a.channels, a.C, reversed);
      for (Dim q = channels.first; q < channels.last; ++q) out[c] += value(pixel + q, c);
    }
    return;
  }
  const Range rows(i, a.rows, a.H, reversed), columns(j, a.columns, a.W, reversed);
  for (Dim r = rows.first; r < rows.last; ++r)
    for (Dim s = columns.first; s < columns.last; ++s) {
      const Dim pixel = (r * a.W + s) * a.C;
      for (Dim c = 0; c < a.C; ++c) out[c] += value(pixel + c, c);
    }
}

/// M and T of each channel of pixel (i, j).
template <class T>
void statistics(const Attributes<T>& a, const T* x, Dim i, Dim j, T* mean, T* spread) {
  std::fill_n(mean, a.C, T{0});
  std::fill_n(spread, a.C, T{0});
  if (a.contrast) {
    add_window(a, i, j, false, [x](Dim at, Dim) { return x[at]; }, mean);
    for (Dim c = 0; c < a.C; ++c) mean[c] /= a.count();
  }
  add_window(
      a, i, j, false, [=](Dim at, Dim c) { return (x[at] - mean[c]) * (x[at] - mean[c]); }, spread);
  const Range rows(i, a.rows, a.H, false), columns(j, a.columns, a.W, false);
  const Dim inside = (rows.last - rows.first) * (columns.last - columns.first);
  const T outside = a.contrast ? a.count() - static_cast<T>(inside) : T{0};
  for (Dim c = 0; c < a.C; ++c)
    spread[c] = a.delta + a.alpha * (spread[c] + outside * mean[c] * mean[c]) / a.count();
}

/// One row of pixels. `temporary` has room for 2 C numbers.
template <class T>
void forward_row(const Attributes<T>& a, const T* x, Dim i, T* temporary, T* y) {
  T *mean = temporary, *spread = temporary + a.C;
  for (Dim j = 0; j < a.W; ++j) {
    statistics(a, x, i, j, mean, spread);
    for (Dim c = 0, at = (i * a.W + j) * a.C; c < a.C; ++c, ++at)
      y[at] = a.pm + a.ps * (x[at] - a.p0 * mean[c]) * std::pow(spread[c], -a.beta);
  }
}

/// D into dx, B into `factor`, and p0 / N D - M B into `term`, of one row of pixels.
template <class T>
void factors_row(const Attributes<T>& a, const T* dy, const T* x, Dim i, T* temporary, T* factor,
                 T* term, T* dx) {
  T *mean = temporary, *spread = temporary + a.C;
  for (Dim j = 0; j < a.W; ++j) {
    statistics(a, x, i, j, mean, spread);
    for (Dim c = 0, at = (i * a.W + j) * a.C; c < a.C; ++c, ++at) {
      const T direct = dy[at] * a.ps * std::pow(spread[c], -a.beta);
      const T slope = 2 * a.alpha * a.beta / a.count() / spread[c];
      dx[at] = direct;
      factor[at] = slope * direct * (x[at] - a.p0 * mean[c]);
      term[at] = a.p0 / a.count() * direct - mean[c] * factor[at];
    }
  }
}

/// What the windows that have an element of this row take from its dx.
template <class T>
void gather_row(const Attributes<T>& a, const T* x, Dim i, const T* factor, const T* term, T* dx) {
  for (Dim j = 0; j < a.W; ++j) {
    const Dim pixel = (i * a.W + j) * a.C;
    add_window(
        a, i, j, true, [=](Dim at, Dim c) { return -(x[pixel + c] * factor[at] + term[at]); },
        dx + pixel);
  }
}

// `each(n, cost, f)` calls f(i) for i in 0 to n; one call costs `cost` elements.

// in: x.  out: y
template <class T, class Op, class Each>
Kernel forward(KernelContext& k, Each each) {
  const Attributes<T> a(k.op<Op>(), k.in(0));
  const Dim rows = k.batch * a.H;
  k.scratch_bytes = rows * 2 * a.C * sizeof(T);
  const Dim cost = a.W * a.C * static_cast<Dim>(a.count());
  return [=](const Launch& l) {
    each(rows, cost, [&](Dim row) {
      const Dim image = row / a.H * a.size();
      forward_row(a, l.in<T>(0) + image, row % a.H, static_cast<T*>(l.scratch) + row * 2 * a.C,
                  l.out<T>(0) + image);
    });
  };
}

// in: dy, x.  out: dx
template <class T, class Op, class Each>
Kernel gradient(KernelContext& k, Each each) {
  const Attributes<T> a(k.op<Op>(), k.in(1));
  const Dim rows = k.batch * a.H, all = k.batch * a.size();
  k.scratch_bytes = (rows * 2 * a.C + 2 * all) * sizeof(T);
  const Dim cost = a.W * a.C * static_cast<Dim>(a.count());
  return [=](const Launch& l) {
    auto* factor = static_cast<T*>(l.scratch);
    T *term = factor + all, *temporary = term + all;
    each(rows, cost, [&](Dim row) {
      const Dim image = row / a.H * a.size();
      factors_row(a, l.in<T>(0) + image, l.in<T>(1) + image, row % a.H, temporary + row * 2 * a.C,
                  factor + image, term + image, l.out<T>(0) + image);
    });
    each(rows, cost, [&](Dim row) {
      const Dim image = row / a.H * a.size();
      gather_row(a, l.in<T>(1) + image, row % a.H, factor + image, term + image,
                 l.out<T>(0) + image);
    });
  };
}

}  // namespace mpsnn::window_norm
