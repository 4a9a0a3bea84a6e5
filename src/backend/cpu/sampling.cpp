#include "ops/sampling.hpp"

#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

/// The pixels of x that one of y is made of.
struct Pixels {
  const float* x[4];
  float weight[4];
  int count = 0;
};

MPSNN_SIMD void mix(const Pixels& p, Dim n, float* y) {
  const float *a = p.x[0], *b = p.x[1];
  const float wa = p.weight[0], wb = p.weight[1];
  if (p.count == 2) {
#pragma omp simd
    for (Dim i = 0; i < n; ++i) y[i] = wa * a[i] + wb * b[i];
    return;
  }
  const float *c = p.x[2], *d = p.x[3];
  const float wc = p.weight[2], wd = p.weight[3];
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
}

MPSNN_SIMD void add_scaled(const float* x, Dim n, float scale, float* y) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] += scale * x[i];
}

MPSNN_SIMD float dot(const float* a, const float* b, Dim n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Dim i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void read(const Sample& sample, const float* x, Dim W, Dim C, float* y) {
  Pixels p;
  sample.each(W, [&](Dim pixel, double weight, double, double) {
    if (weight == 0) return;
    p.x[p.count] = x + pixel * C;
    p.weight[p.count++] = static_cast<float>(weight);
  });
  if (p.count == 0) {
    std::fill_n(y, C, 0.0f);
  } else if (p.count == 1 && p.weight[0] == 1) {
    std::memcpy(y, p.x[0], C * sizeof(float));
  } else {
    for (; p.count != 2 && p.count < 4; ++p.count) {
      p.x[p.count] = p.x[0];
      p.weight[p.count] = 0;
    }
    mix(p, C, y);
  }
}

/// As on the reference: y[p] is a sum of the pixels of x around point p, which in(1) may move.
template <class Op, class Points>
struct Sampled {
  Points points;
  Dim images, W, C;

  Sampled(const KernelContext& k, const Shape& x, const Shape& y)
      : points(k.op<Op>(), x, y), images(k.batch), W(x[1]), C(x[2]) {}

  Dim x_size() const { return points.H * W * C; }
  Dim y_size() const { return points.points * C; }
};

template <class Op, class Points>
Kernel forward(KernelContext& k) {
  const Sampled<Op, Points> s(k, k.in(0), k.out(0));
  const bool moved = k.node.inputs.size() > 1;
  return [s, moved](const Launch& l) {
    const float* at = moved ? l.in<float>(1) : nullptr;
    const Dim points = s.points.points;
    parallel_for(s.images * points, 4 * s.C + 16, [&](std::size_t begin, std::size_t end) {
      for (Dim i = begin; i < static_cast<Dim>(end); ++i) {
        const Dim n = i / points;
        read(s.points.at(at + n * s.points.coordinates, i % points),
             l.in<float>(0) + n * s.x_size(), s.W, s.C, l.out<float>(0) + i * s.C);
      }
    });
  };
}

/// One image of each, null where absent; x and coordinates are there if dcoordinates is.
/// A coordinate may get a gradient from many points, which cancel: hence double.
struct Image {
  const float *dy, *x, *coordinates;
  float* dx;
  double* dcoordinates;
};

template <class Op, class Points>
void image_gradient(const Sampled<Op, Points>& s, const Image& image) {
  if (image.dx) std::fill_n(image.dx, s.x_size(), 0.0f);
  if (image.dcoordinates) std::fill_n(image.dcoordinates, s.points.coordinates, 0.0);
  for (Dim p = 0; p < s.points.points; ++p) {
    const float* dy = image.dy + p * s.C;
    double by_position_h = 0, by_position_w = 0;
    const Sample sample = s.points.at(image.coordinates, p);
    sample.each(s.W, [&](Dim pixel, double weight, double by_h, double by_w) {
      if (image.dx) add_scaled(dy, s.C, static_cast<float>(weight), image.dx + pixel * s.C);
      if (!image.dcoordinates) return;
      const double product = dot(dy, image.x + pixel * s.C, s.C);
      by_position_h += by_h * product;
      by_position_w += by_w * product;
    });
    if (image.dcoordinates) s.points.add(image.dcoordinates, p, by_position_h, by_position_w);
  }
}

/// A part of an array, or null of null.
template <class T>
T* part(T* data, Dim at) {
  return data ? data + at : nullptr;
}

// in: dy, and for what has coordinates x, coordinates.  out: dx, dcoordinates.
// Points of one image may read the same pixel, so that only images run side by side.
template <class Op, class Points>
Kernel gradient(KernelContext& k) {
  const bool moved = k.node.inputs.size() > 1;
  const Sampled<Op, Points> s(k, moved ? k.in(1) : k.out(0), k.in(0));
  const Dim coordinates = s.points.coordinates;
  if (k.has_out(1)) k.scratch_bytes = s.images * coordinates * sizeof(double);
  return [s, moved, coordinates](const Launch& l) {
    parallel_for(s.images, 4 * s.y_size(), [&](std::size_t begin, std::size_t end) {
      for (Dim n = begin; n < static_cast<Dim>(end); ++n) {
        const Dim x = n * s.x_size(), at = n * coordinates;
        double* sums = part(static_cast<double*>(l.scratch), at);
        image_gradient(s,
                       {l.in<float>(0) + n * s.y_size(), moved ? l.in<float>(1) + x : nullptr,
                        moved ? l.in<float>(2) + at : nullptr, part(wanted<float>(l, 0), x), sums});
        if (sums) std::copy_n(sums, coordinates, l.out<float>(1) + at);
      }
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

}  // namespace mpsnn::cpu
