#include "backend/reference/kernels.hpp"
#include "ops/window.hpp"

namespace mpsnn::reference {
namespace {

/// The sizes of one convolution and the walk over its products.
struct Conv {
  Dim H, W, C, O, Kh, Kw, groups;
  Size2 stride, dilation;
  Window h, w;

  Conv(const Shape& x, const Shape& weight, const Conv2d& op)
      : H(x[0]),
        W(x[1]),
        C(x[2]),
        O(weight[0]),
        Kh(weight[1]),
        Kw(weight[2]),
        groups(op.groups),
        stride(op.stride),
        dilation(op.dilation),
        h(H, Kh, stride.h, dilation.h, op.padding.mode, op.padding.top, op.padding.bottom),
        w(W, Kw, stride.w, dilation.w, op.padding.mode, op.padding.left, op.padding.right) {}

  Dim x_size() const { return H * W * C; }
  Dim y_size() const { return h.out * w.out * O; }
  Dim weight_size() const { return O * Kh * Kw * (C / groups); }

  /// Calls f(x_index, weight_index, y_index) for every product of one image.
  template <class F>
  void each(F f) const {
    for (Dim i = 0; i < h.out; ++i)
      for (Dim j = 0; j < w.out; ++j)
        for (Dim a = 0; a < Kh; ++a)
          for (Dim b = 0; b < Kw; ++b) {
            const Dim r = i * stride.h + a * dilation.h - h.before;
            const Dim s = j * stride.w + b * dilation.w - w.before;
            if (r >= 0 && r < H && s >= 0 && s < W)
              channels(r * W + s, a * Kw + b, i * w.out + j, f);
          }
  }

 private:
  /// The products of one pixel of x, one position of the kernel and one pixel of y.
  template <class F>
  void channels(Dim x_pixel, Dim position, Dim y_pixel, F f) const {
    const Dim per_group = C / groups;
    for (Dim o = 0; o < O; ++o) {
      const Dim first = o / (O / groups) * per_group;
      for (Dim c = 0; c < per_group; ++c)
        f(x_pixel * C + first + c, (o * Kh * Kw + position) * per_group + c, y_pixel * O + o);
    }
  }
};

Kernel forward(KernelContext& k) {
  const Conv conv(k.in(0), k.in(1), k.op<Conv2d>());
  return [conv, neuron = k.op<Conv2d>().activation, N = k.batch](const Launch& l) {
    const auto *weight = l.in<double>(1), *bias = l.in<double>(2);
    for (Dim n = 0; n < N; ++n) {
      const double* x = l.in<double>(0) + n * conv.x_size();
      double* y = l.out<double>(0) + n * conv.y_size();
      for (Dim e = 0; e < conv.y_size(); ++e) y[e] = bias ? bias[e % conv.O] : 0;
      conv.each([&](Dim xi, Dim wi, Dim yi) { y[yi] += x[xi] * weight[wi]; });
      for (Dim e = 0; e < conv.y_size(); ++e) y[e] = activate(neuron, y[e]);
    }
  };
}

// in: dy, x, weight.  out: dx, dweight, dbias
Kernel gradient(KernelContext& k) {
  require_no_neuron(k, k.op<Conv2d>().activation);
  const Conv conv(k.in(1), k.in(2), k.op<Conv2d>());
  return [conv, N = k.batch](const Launch& l) {
    double *dxs = wanted(l, 0), *dweight = wanted(l, 1), *dbias = wanted(l, 2);
    clear(dxs, N * conv.x_size());
    clear(dweight, conv.weight_size());
    clear(dbias, conv.O);
    const auto* weight = l.in<double>(2);
    for (Dim n = 0; n < N; ++n) {
      const double* dy = l.in<double>(0) + n * conv.y_size();
      const double* x = l.in<double>(1) + n * conv.x_size();
      double* dx = dxs ? dxs + n * conv.x_size() : nullptr;
      conv.each([&](Dim xi, Dim wi, Dim yi) {
        if (dx) dx[xi] += dy[yi] * weight[wi];
        if (dweight) dweight[wi] += dy[yi] * x[xi];
      });
      for (Dim e = 0; dbias && e < conv.y_size(); ++e) dbias[e % conv.O] += dy[e];
    }
  };
}

}  // namespace

KernelPair conv2d_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
