#pragma once

#include "mpsnn/ops.hpp"
#include "ops/window.hpp"

namespace mpsnn {

/// One axis of a convolution or of its adjoint. Both join a pixel of the coarse image with the
/// pixel coarse * stride + tap * dilation - before of the fine one, if that is inside.
struct ConvAxis {
  Dim fine = 0, coarse = 0;  ///< Extents; 0 if the kernel does not fit.
  Dim kernel = 1, stride = 1, dilation = 1;
  Dim before = 0, after = 0;  ///< As in Window, around the fine image.

  /// The pixel of the fine image, or -1.
  Dim fine_pixel(Dim coarse_pixel, Dim tap) const {
    const Dim at = coarse_pixel * stride + tap * dilation - before;
    return at < fine ? std::max<Dim>(at, -1) : -1;
  }
  /// The pixel of the coarse image that `tap` joins with a pixel of the fine one, or -1.
  Dim coarse_pixel(Dim fine_pixel, Dim tap) const {
    const Dim at = fine_pixel + before - tap * dilation;
    return at < 0 || at % stride != 0 || at / stride >= coarse ? -1 : at / stride;
  }
  /// Whether some tap joins no pixels.
  bool has_idle_tap() const {
    const auto is_idle = [this](Dim tap) {
      Dim joined = 0;
      for (Dim r = 0; r < coarse; ++r) joined += fine_pixel(r, tap) >= 0;
      return joined == 0;
    };
    for (Dim tap = 0; tap < kernel; ++tap)
      if (is_idle(tap)) return true;
    return false;
  }
};

/// What is computed from the attributes and shapes of a conv2d or conv_transpose2d: the one
/// place that knows which image is strided over.
struct ConvGeometry {
  bool transposed;  ///< y is the fine image; else x is.
  Dim C, O, groups;
  ConvAxis h, w;

  ConvGeometry(const Conv2d& op, const Shape& x, const Shape& weight)
      : transposed(false), C(x[2]), O(weight[0]), groups(op.groups) {
    const Padding& p = op.padding;
    h = direct(x[0], weight[1], op.stride.h, op.dilation.h, p.mode, p.top, p.bottom);
    w = direct(x[1], weight[2], op.stride.w, op.dilation.w, p.mode, p.left, p.right);
  }
  ConvGeometry(const ConvTranspose2d& op, const Shape& x, const Shape& weight)
      : transposed(true), C(x[2]), O(weight[0]), groups(op.groups) {
    const Padding& p = op.padding;
    const Size2 more = op.output_padding;
    h = adjoint(x[0], weight[1], op.stride.h, op.dilation.h, p.mode, p.top, p.bottom, more.h);
    w = adjoint(x[1], weight[2], op.stride.w, op.dilation.w, p.mode, p.left, p.right, more.w);
  }

  Dim x_height() const { return transposed ? h.coarse : h.fine; }
  Dim x_width() const { return transposed ? w.coarse : w.fine; }
  Dim y_height() const { return transposed ? h.fine : h.coarse; }
  Dim y_width() const { return transposed ? w.fine : w.coarse; }
  Dim x_size() const { return x_height() * x_width() * C; }
  Dim y_size() const { return y_height() * y_width() * O; }
  Dim taps() const { return h.kernel * w.kernel; }
  Dim weight_size() const { return O * taps() * (C / groups); }

  /// Calls f(pixel of x, tap) for all that pixel (row, column) of y is summed from.
  template <class F>
  void each_x(Dim row, Dim column, const F& f) const {
    each_source(!transposed, row, column, x_width(), f);
  }
  /// Calls f(pixel of y, tap) for all that pixel (row, column) of x is added to.
  template <class F>
  void each_y(Dim row, Dim column, const F& f) const {
    each_source(transposed, row, column, y_width(), f);
  }

 private:
  template <class F>
  void each_source(bool from_fine, Dim row, Dim column, Dim width, const F& f) const {
    const auto pixel = [from_fine](const ConvAxis& axis, Dim at, Dim tap) {
      return from_fine ? axis.fine_pixel(at, tap) : axis.coarse_pixel(at, tap);
    };
    for (Dim a = 0; a < h.kernel; ++a) {
      const Dim r = pixel(h, row, a);
      for (Dim b = 0; r >= 0 && b < w.kernel; ++b)
        if (const Dim s = pixel(w, column, b); s >= 0) f(r * width + s, a * w.kernel + b);
    }
  }
  static ConvAxis direct(Dim in, Dim kernel, Dim stride, Dim dilation, Padding::Mode mode,
                         Dim before, Dim after) {
    const Window window(in, kernel, stride, dilation, mode, before, after);
    return {in, window.out, kernel, stride, dilation, window.before, window.after};
  }
  static ConvAxis adjoint(Dim in, Dim kernel, Dim stride, Dim dilation, Padding::Mode mode,
                          Dim before, Dim after, Dim more) {
    const Dim reach = (in - 1) * stride + (kernel - 1) * dilation + 1;  // of all of x
    if (mode == Padding::Mode::same) {
      const Window window(in * stride, kernel, stride, dilation, mode, 0, 0);
      return {in * stride, in, kernel, stride, dilation, window.before, window.after};
    }
    if (mode == Padding::Mode::valid) before = after = 0;
    const Dim fine = std::max<Dim>(0, reach + more - before - after);
    return {fine, in, kernel, stride, dilation, before, reach - fine - before};
  }
};

/// What the gradient towards x is, for a stride of 1: a convolution of dy, its taps in the opposite
/// order.
inline ConvAxis adjoint(const ConvAxis& a) {
  ConvAxis out = a;
  std::swap(out.fine, out.coarse);
  out.before = (a.kernel - 1) * a.dilation - a.before;
  return out;
}
inline ConvGeometry adjoint(ConvGeometry g) {
  std::swap(g.C, g.O);
  g.h = adjoint(g.h);
  g.w = adjoint(g.w);
  return g;
}

}  // namespace mpsnn
