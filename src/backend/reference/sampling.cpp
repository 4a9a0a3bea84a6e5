#include "ops/sampling.hpp"

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// y[p] is the weighed sum of the pixels of x around point p, which in(1) may move.
template <class Op, class Points>
struct Sampled {
  Points points;
  Dim images, W, C;

  Sampled(const KernelContext& k, const Shape& x, const Shape& y)
      : points(k.op<Op>(), x, y), images(k.batch), W(x[1]), C(x[2]) {}

  Dim x_size() const { return points.H * W * C; }
  Dim y_size() const { return points.points * C; }

  /// Calls f(image, point, sample) for everything that is read.
  template <class F>
  void each(const double* coordinates, const F& f) const {
    for (Dim n = 0; n < images; ++n)
      for (Dim p = 0; p < points.points; ++p)
        f(n, p, points.at(coordinates + n * points.coordinates, p));
  }
};

template <class Op, class Points>
Kernel forward(KernelContext& k) {
  const Sampled<Op, Points> s(k, k.in(0), k.out(0));
  const bool moved = k.node.inputs.size() > 1;
  return [s, moved](const Launch& l) {
    clear(l.out<double>(0), s.images * s.y_size());
    s.each(moved ? l.in<double>(1) : nullptr, [&](Dim n, Dim p, const Sample& sample) {
      const double* x = l.in<double>(0) + n * s.x_size();
      double* y = l.out<double>(0) + n * s.y_size() + p * s.C;
      sample.each(s.W, [&](Dim pixel, double weight, double, double) {
        if (weight == 0) return;
        for (Dim c = 0; c < s.C; ++c) y[c] += weight * x[pixel * s.C + c];
      });
    });
  };
}

// in: dy, and for what has coordinates x, coordinates.  out: dx, dcoordinates
template <class Op, class Points>
Kernel gradient(KernelContext& k) {
  const bool moved = k.node.inputs.size() > 1;
  const Sampled<Op, Points> s(k, moved ? k.in(1) : k.out(0), k.in(0));
  return [s, moved](const Launch& l) {
    const double *x = moved ? l.in<double>(1) : nullptr, *at = moved ? l.in<double>(2) : nullptr;
    double *dx = wanted(l, 0), *dat = wanted(l, 1);
    clear(dx, s.images * s.x_size());
    clear(dat, s.images * s.points.coordinates);
    s.each(at, [&](Dim n, Dim p, const Sample& sample) {
      const double* dy = l.in<double>(0) + n * s.y_size() + p * s.C;
      double by_position_h = 0, by_position_w = 0;
      sample.each(s.W, [&](Dim pixel, double weight, double by_h, double by_w) {
        for (Dim c = 0; c < s.C; ++c) {
          const Dim e = n * s.x_size() + pixel * s.C + c;
          if (dx) dx[e] += weight * dy[c];
          if (!dat) continue;
          by_position_h += by_h * x[e] * dy[c];
          by_position_w += by_w * x[e] * dy[c];
        }
      });
      if (dat) s.points.add(dat + n * s.points.coordinates, p, by_position_h, by_position_w);
    });
  };
}

}  // namespace

KernelPair resize_kernels() {
  return {forward<Resize, ResizePoints>, gradient<Resize, ResizePoints>};
}

KernelPair crop_and_resize_kernels() {
  return {forward<CropAndResize, BoxPoints>, gradient<CropAndResize, BoxPoints>};
}

KernelPair grid_sample_kernels() {
  return {forward<GridSample, GridPoints>, gradient<GridSample, GridPoints>};
}

}  // namespace mpsnn::reference
