#include <array>
#include <cstring>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

MPSNN_SIMD void take(const float* x, Dim step, Dim n, float* y) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] = x[i * step];
}

MPSNN_SIMD void put(const float* dy, Dim step, Dim n, float* dx) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) dx[i * step] = dy[i];
}

/// A slice as rows: each is `length` elements of y, which are `step` apart in x.
struct Rows {
  struct Axis {
    Dim extent;          // rows along it
    Dim before, stride;  // in x, in elements
  };
  std::array<Axis, Shape::max_rank> axes{};  // those that rows differ in
  int rank = 0;
  Dim x_size, images, count, length = 1, first = 0, step = 1;

  Rows(const KernelContext& k, const Shape& x, const Shape& y)
      : x_size(x.size()), images(k.in_elements(0) / k.in(0).size()), count(images) {
    const Slice& op = k.op<Slice>();
    // Axes that y has all of, at the end, are one run of memory with the one before.
    int a = x.rank() - 1;
    for (; a >= 0 && x[a] == y[a]; --a) length *= x[a];
    if (a >= 0 && (op.step[a] == 1 || length == 1)) {
      first = op.start[a] * length;
      step = op.step[a];
      length *= y[a--];
    }
    rank = a + 1;
    Dim inside = x_size;
    for (int i = 0; i < rank; ++i) {
      inside /= x[i];
      axes[i] = {y[i], op.start[i] * inside, op.step[i] * inside};
      count *= y[i];
    }
  }

  /// The element of x that row `r` starts with.
  Dim start(Dim r) const {
    Dim at = first;
    for (int i = rank - 1; i >= 0; r /= axes[i--].extent)
      at += axes[i].before + r % axes[i].extent * axes[i].stride;
    return r * x_size + at;
  }
};

Kernel slice(KernelContext& k) {
  return [rows = Rows(k, k.in(0), k.out(0))](const Launch& l) {
    parallel_for(rows.count, rows.length, [&](std::size_t begin, std::size_t end) {
      for (Dim r = begin; r < static_cast<Dim>(end); ++r) {
        const float* x = l.in<float>(0) + rows.start(r);
        float* y = l.out<float>(0) + r * rows.length;
        if (rows.step == 1)
          std::memcpy(y, x, rows.length * sizeof(float));
        else
          take(x, rows.step, rows.length, y);
      }
    });
  };
}

// in: dy.  out: dx
Kernel slice_gradient(KernelContext& k) {
  return [rows = Rows(k, k.out(0), k.in(0))](const Launch& l) {
    parallel_for(rows.images * rows.x_size, 1, [&](std::size_t begin, std::size_t end) {
      std::fill(l.out<float>(0) + begin, l.out<float>(0) + end, 0.0f);
    });
    parallel_for(rows.count, rows.length, [&](std::size_t begin, std::size_t end) {
      for (Dim r = begin; r < static_cast<Dim>(end); ++r) {
        const float* dy = l.in<float>(0) + r * rows.length;
        float* dx = l.out<float>(0) + rows.start(r);
        if (rows.step == 1)
          std::memcpy(dx, dy, rows.length * sizeof(float));
        else
          put(dy, rows.step, rows.length, dx);
      }
    });
  };
}

}  // namespace

KernelPair slice_kernels() { return {slice, slice_gradient}; }

}  // namespace mpsnn::cpu
