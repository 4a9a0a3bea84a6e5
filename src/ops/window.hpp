#pragma once

#include <algorithm>

#include "mpsnn/ops.hpp"

namespace mpsnn {

/// One axis of a sliding window: the one place that knows how padding works.
struct Window {
  Dim out = 0;     ///< Output positions; 0 if the window does not fit.
  Dim before = 0;  ///< Padding in front of the first input element.
  Dim after = 0;   ///< Padding that the last window reads behind the last; negative: unread rest.

  Window(Dim in, Dim kernel, Dim stride, Dim dilation, Padding::Mode mode, Dim fixed_before,
         Dim fixed_after) {
    const Dim extent = (kernel - 1) * dilation + 1;
    if (mode == Padding::Mode::same) {
      out = (in + stride - 1) / stride;
      before = std::max<Dim>(0, (out - 1) * stride + extent - in) / 2;
    } else {
      before = mode == Padding::Mode::fixed ? fixed_before : 0;
      const Dim padded = in + before + (mode == Padding::Mode::fixed ? fixed_after : 0);
      out = padded < extent ? 0 : (padded - extent) / stride + 1;
    }
    after = (out - 1) * stride + extent - in - before;
  }
};

/// Both axes of the window of `op` (a convolution or a pooling) over an (H, W, C) image.
struct Window2 {
  Window h, w;

  Window2(const Shape& x, Size2 kernel, Size2 stride, Size2 dilation, const Padding& p)
      : h(x[0], kernel.h, stride.h, dilation.h, p.mode, p.top, p.bottom),
        w(x[1], kernel.w, stride.w, dilation.w, p.mode, p.left, p.right) {}
};

}  // namespace mpsnn
