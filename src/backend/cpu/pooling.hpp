#pragma once

#include <algorithm>

#include "backend/kernel_backend.hpp"
#include "ops/window.hpp"

namespace mpsnn::cpu {

/// What the loops of a pooling need to know.
struct PoolSizes {
  Dim n, h, w, c;    ///< Of x.
  Dim out_h, out_w;  ///< Of y.
  Size2 kernel, stride, dilation{};
  Dim top, left;      ///< Padding before the first pixel.
  bool zero = false;  ///< Edge::zero.
  bool wide;          ///< argmax is int32, not uint8.
  DType type;         ///< Of x and y.
  Dim y_row;          ///< Elements from one pixel of y, or dy, to the next.

  template <class Op>
  PoolSizes(const KernelContext& k, const Op& op, const Shape& x)
      : n(k.batch),
        h(x[0]),
        w(x[1]),
        c(x[2]),
        kernel(op.kernel),
        stride(op.stride),
        type(k.in_type(0)) {
    if constexpr (requires { op.dilation; }) dilation = op.dilation;
    const Window2 window(x, op.kernel, op.stride, dilation, op.padding);
    out_h = window.h.out;
    out_w = window.w.out;
    top = window.h.before;
    left = window.w.before;
    if constexpr (requires { op.edge; }) zero = op.edge == Edge::zero;
    wide = op.kernel.h * op.kernel.w >= 255;
    y_row = k.node.gradient_of ? k.in_row(0) : k.out_row(0);
  }
};

/// The part of one window that lies inside the image.
struct Clip {
  Dim first, last;  ///< Kernel positions, last exclusive.
  Dim at;           ///< Pixel of kernel position 0; may be negative.

  Clip(Dim out, Dim stride, Dim before, Dim kernel, Dim dilation, Dim in)
      : at(out * stride - before) {
    first = std::clamp<Dim>((-at + dilation - 1) / dilation, 0, kernel);
    last = std::clamp<Dim>((in - at + dilation - 1) / dilation, first, kernel);
  }
  Dim size() const { return last - first; }
};

/// Pooling by our own loops, for what oneDNN has no fast implementation of.
Kernel own_max_pool(const PoolSizes& sizes);
Kernel own_max_pool_gradient(const PoolSizes& sizes);
Kernel own_l2_pool(const PoolSizes& sizes);
Kernel own_l2_pool_gradient(const PoolSizes& sizes);
Kernel own_average_pool(KernelContext& k, const PoolSizes& sizes);
Kernel own_average_pool_gradient(KernelContext& k, const PoolSizes& sizes);

}  // namespace mpsnn::cpu
