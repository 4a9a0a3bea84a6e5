#include <cmath>

#include "backend/reference/kernels.hpp"
#include "ops/window.hpp"

namespace mpsnn::reference {
namespace {

constexpr Dim outside = -1;

/// The sizes of one pooling and the walk over its windows.
struct Pool {
  Dim H, W, C;
  Size2 kernel, stride, dilation{};
  Edge edge = Edge::clamp;
  Window2 window;

  template <class Op>
  Pool(const Shape& x, const Op& op)
      : H(x[0]),
        W(x[1]),
        C(x[2]),
        kernel(op.kernel),
        stride(op.stride),
        window(x, kernel, stride, {}, op.padding) {
    if constexpr (requires { op.edge; }) edge = op.edge;
    if constexpr (requires { op.dilation; }) {
      dilation = op.dilation;
      window = {x, kernel, stride, dilation, op.padding};
    }
  }

  Dim x_size() const { return H * W * C; }
  Dim y_size() const { return window.h.out * window.w.out * C; }
  Dim positions() const { return Dim{kernel.h} * kernel.w; }

  /// The element of x that output `y` sees at a position of its window, or `outside`.
  Dim x_index(Dim y, Dim position) const {
    const Dim c = y % C, j = y / C % window.w.out, i = y / C / window.w.out;
    const Dim r = i * stride.h + position / kernel.w * dilation.h - window.h.before;
    const Dim s = j * stride.w + position % kernel.w * dilation.w - window.w.before;
    return r >= 0 && r < H && s >= 0 && s < W ? (r * W + s) * C + c : outside;
  }

  /// Calls f(position, x_index or `outside`) for what output `y` sees: all of its
  /// window in row-major order, with Edge::clamp without the outside.
  template <class F>
  void each(Dim y, F f) const {
    for (Dim p = 0; p < positions(); ++p) {
      const Dim xi = x_index(y, p);
      if (xi != outside || edge == Edge::zero) f(p, xi);
    }
  }

  Dim count(Dim y) const {
    Dim n = 0;
    each(y, [&](Dim, Dim) { ++n; });
    return n;
  }
};

struct Maximum {
  double value;
  Dim position;  // in the window; positions() for the outside
};

/// The first of the largest; a NaN is larger than any number.
Maximum maximum(const Pool& pool, const double* x, Dim y) {
  Maximum best{0, outside};
  pool.each(y, [&](Dim p, Dim xi) {
    const double value = xi == outside ? 0 : x[xi];
    if (best.position == outside || value > best.value || std::isnan(value))
      best = {value, xi == outside ? pool.positions() : p};
  });
  return best;
}

Kernel max_forward(KernelContext& k) {
  const Pool pool(k.in(0), k.op<MaxPool2d>());
  const bool small = k.has_out(1) && k.graph.desc(k.node.outputs[1]).dtype == DType::uint8;
  return [pool, small, argmax = k.has_out(1), N = k.batch](const Launch& l) {
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        const Maximum m = maximum(pool, l.in<double>(0) + n * pool.x_size(), y);
        const Dim e = n * pool.y_size() + y;
        l.out<double>(0)[e] = m.value;
        if (!argmax) continue;
        if (small)
          l.out<std::uint8_t>(1)[e] = static_cast<std::uint8_t>(m.position);
        else
          l.out<std::int32_t>(1)[e] = static_cast<std::int32_t>(m.position);
      }
  };
}

// in: dy, argmax.  out: dx
Kernel max_gradient(KernelContext& k) {
  const Pool pool(k.out(0), k.op<MaxPool2d>());
  const bool small = k.graph.desc(k.node.inputs[1]).dtype == DType::uint8;
  return [pool, small, N = k.batch](const Launch& l) {
    clear(l.out<double>(0), N * pool.x_size());
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        const Dim e = n * pool.y_size() + y;
        const Dim position = small ? l.in<std::uint8_t>(1)[e] : l.in<std::int32_t>(1)[e];
        if (position == pool.positions()) continue;  // the outside won
        l.out<double>(0)[n * pool.x_size() + pool.x_index(y, position)] += l.in<double>(0)[e];
      }
  };
}

Kernel average_forward(KernelContext& k) {
  const Pool pool(k.in(0), k.op<AvgPool2d>());
  return [pool, N = k.batch](const Launch& l) {
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        const double* x = l.in<double>(0) + n * pool.x_size();
        double sum = 0;
        pool.each(y, [&](Dim, Dim xi) { sum += xi == outside ? 0 : x[xi]; });
        l.out<double>(0)[n * pool.y_size() + y] = sum / pool.count(y);
      }
  };
}

// in: dy.  out: dx
Kernel average_gradient(KernelContext& k) {
  const Pool pool(k.out(0), k.op<AvgPool2d>());
  return [pool, N = k.batch](const Launch& l) {
    clear(l.out<double>(0), N * pool.x_size());
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        double* dx = l.out<double>(0) + n * pool.x_size();
        const double share = l.in<double>(0)[n * pool.y_size() + y] / pool.count(y);
        pool.each(y, [&](Dim, Dim xi) {
          if (xi != outside) dx[xi] += share;
        });
      }
  };
}

Kernel square_forward(KernelContext& k) {
  const Pool pool(k.in(0), k.op<L2Pool2d>());
  return [pool, N = k.batch](const Launch& l) {
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        const double* x = l.in<double>(0) + n * pool.x_size();
        double sum = 0;
        pool.each(y, [&](Dim, Dim xi) { sum += x[xi] * x[xi]; });
        l.out<double>(0)[n * pool.y_size() + y] = std::sqrt(sum);
      }
  };
}

// in: dy, x, y.  out: dx = sum of dy x / y
Kernel square_gradient(KernelContext& k) {
  const Pool pool(k.out(0), k.op<L2Pool2d>());
  return [pool, N = k.batch](const Launch& l) {
    clear(l.out<double>(0), N * pool.x_size());
    for (Dim n = 0; n < N; ++n)
      for (Dim y = 0; y < pool.y_size(); ++y) {
        const double* x = l.in<double>(1) + n * pool.x_size();
        const Dim e = n * pool.y_size() + y;
        const double norm = l.in<double>(2)[e];
        if (norm == 0) continue;
        pool.each(y, [&](Dim, Dim xi) {
          l.out<double>(0)[n * pool.x_size() + xi] += l.in<double>(0)[e] * x[xi] / norm;
        });
      }
  };
}

}  // namespace

KernelPair l2_pool2d_kernels() { return {square_forward, square_gradient}; }

KernelPair max_pool2d_kernels() { return {max_forward, max_gradient}; }

KernelPair avg_pool2d_kernels() { return {average_forward, average_gradient}; }

}  // namespace mpsnn::reference
