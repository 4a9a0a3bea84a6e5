#include "backend/reference/kernels.hpp"
#include "ops/conv_geometry.hpp"
#include "ops/half.hpp"

namespace mpsnn::reference {
namespace {

/// The products of one pixel of x, one tap of the kernel and one pixel of y.
template <class F>
void each_channel(const ConvGeometry& g, Dim x_pixel, Dim tap, Dim y_pixel, F f) {
  const Dim per_group = g.C / g.groups;
  for (Dim o = 0; o < g.O; ++o) {
    const Dim first = o / (g.O / g.groups) * per_group;
    for (Dim c = 0; c < per_group; ++c)
      f(x_pixel * g.C + first + c, (o * g.taps() + tap) * per_group + c, y_pixel * g.O + o);
  }
}

/// Calls f(x_index, weight_index, y_index) for every product of one image; those of one y in
/// the order of the weight's memory.
template <class F>
void each_product(const ConvGeometry& g, F f) {
  for (Dim a = 0; a < g.h.kernel; ++a)
    for (Dim b = 0; b < g.w.kernel; ++b)
      for (Dim i = 0; i < g.h.coarse; ++i)
        for (Dim j = 0; j < g.w.coarse; ++j) {
          const Dim r = g.h.fine_pixel(i, a), s = g.w.fine_pixel(j, b);
          if (r < 0 || s < 0) continue;
          const Dim fine = r * g.w.fine + s, coarse = i * g.w.coarse + j, tap = a * g.w.kernel + b;
          each_channel(g, g.transposed ? coarse : fine, tap, g.transposed ? fine : coarse, f);
        }
}

void sum_products(const ConvGeometry& g, Accumulator accumulator, const double* x,
                  const double* weight, double* y) {
  clear(y, g.y_size());
  if (accumulator == Accumulator::half)
    each_product(g, [&](Dim xi, Dim wi, Dim yi) {
      y[yi] = add_in_half(y[yi], round_to_half(x[xi]), round_to_half(weight[wi]));
    });
  else
    each_product(g, [&](Dim xi, Dim wi, Dim yi) { y[yi] += x[xi] * weight[wi]; });
}

template <class Conv>
Kernel forward(KernelContext& k) {
  const auto& op = k.op<Conv>();
  const ConvGeometry g(op, k.in(0), k.in(1));
  return [g, accumulator = op.accumulator, neuron = op.activation, N = k.batch](const Launch& l) {
    const auto *weight = l.in<double>(1), *bias = l.in<double>(2);
    for (Dim n = 0; n < N; ++n) {
      double* y = l.out<double>(0) + n * g.y_size();
      sum_products(g, accumulator, l.in<double>(0) + n * g.x_size(), weight, y);
      for (Dim e = 0; e < g.y_size(); ++e)
        y[e] = activate(neuron, y[e] + (bias ? bias[e % g.O] : 0));
    }
  };
}

// in: dy, x, weight.  out: dx, dweight, dbias
template <class Conv>
Kernel gradient(KernelContext& k) {
  require_no_neuron(k, k.op<Conv>().activation);
  const ConvGeometry g(k.op<Conv>(), k.in(1), k.in(2));
  return [g, N = k.batch](const Launch& l) {
    double *dxs = wanted(l, 0), *dweight = wanted(l, 1), *dbias = wanted(l, 2);
    clear(dxs, N * g.x_size());
    clear(dweight, g.weight_size());
    clear(dbias, g.O);
    const auto* weight = l.in<double>(2);
    for (Dim n = 0; n < N; ++n) {
      const double* dy = l.in<double>(0) + n * g.y_size();
      const double* x = l.in<double>(1) + n * g.x_size();
      double* dx = dxs ? dxs + n * g.x_size() : nullptr;
      each_product(g, [&](Dim xi, Dim wi, Dim yi) {
        if (dx) dx[xi] += dy[yi] * weight[wi];
        if (dweight) dweight[wi] += dy[yi] * x[xi];
      });
      for (Dim e = 0; dbias && e < g.y_size(); ++e) dbias[e % g.O] += dy[e];
    }
  };
}

}  // namespace

KernelPair conv2d_kernels() { return {forward<Conv2d>, gradient<Conv2d>}; }
KernelPair conv_transpose2d_kernels() {
  return {forward<ConvTranspose2d>, gradient<ConvTranspose2d>};
}

}  // namespace mpsnn::reference
