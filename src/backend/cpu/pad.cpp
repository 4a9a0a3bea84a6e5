#include <array>
#include <cstring>
#include <vector>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/pad_source.hpp"

namespace mpsnn::cpu {
namespace {

MPSNN_SIMD void add(const float* x, Dim n, float* y) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] += x[i];
}

/// A padding as rows of y: along the last axis that is padded, with all behind it.
struct Rows {
  bool constant;
  float value;
  int rank;                                              // axes that rows differ in
  std::array<std::vector<Dim>, Shape::max_rank> source;  // of x, by place on each such axis
  std::array<Dim, Shape::max_rank> extent{};             // of x on it
  std::vector<Dim> edge;                                 // the same within a row, by place
  Dim images, per_image = 1, x_rows = 1;
  Dim inner = 1;               // elements of one place in a row
  Dim before = 0, middle = 1;  // places in a row: padding, then those of x

  Rows(const KernelContext& k, const Shape& x) : images(k.in_elements(0) / k.in(0).size()) {
    const Pad& op = k.op<Pad>();
    constant = op.mode == Pad::Mode::constant;
    value = op.value;
    const auto padded = [&](int i) { return op.before[i] > 0 || op.after[i] > 0; };
    const auto sources = [&](int i) {
      std::vector<Dim> out;
      for (Dim p = -op.before[i]; p < x[i] + op.after[i]; ++p)
        out.push_back(pad_source(op.mode, p, x[i]));
      return out;
    };
    int a = x.rank() - 1;
    for (; a >= 0 && !padded(a); --a) inner *= x[a];
    edge = a < 0 ? std::vector<Dim>{0} : sources(a);
    if (a >= 0) {
      before = op.before[a];
      middle = x[a];
    }
    rank = std::max(a, 0);
    for (int i = 0; i < rank; ++i) {
      source[i] = sources(i);
      extent[i] = x[i];
      per_image *= static_cast<Dim>(source[i].size());
      x_rows *= x[i];
    }
  }

  Dim places() const { return static_cast<Dim>(edge.size()); }
  Dim x_row() const { return middle * inner; }
  Dim y_row() const { return places() * inner; }
  Dim x_size() const { return x_rows * x_row(); }

  /// The row of x that row `r` of an image of y repeats, or `outside`.
  Dim row(Dim r) const {
    Dim out = 0, scale = 1;
    for (int i = rank - 1; i >= 0; scale *= extent[i--]) {
      const Dim size = static_cast<Dim>(source[i].size()), from = source[i][r % size];
      if (from == outside) return outside;
      out += from * scale;
      r /= size;
    }
    return out;
  }

  /// Calls f(place) for each place of a row that is padding.
  template <class F>
  void each_edge(const F& f) const {
    for (Dim p = 0; p < before; ++p) f(p);
    for (Dim p = before + middle; p < places(); ++p) f(p);
  }
};

Kernel pad(KernelContext& k) {
  return [rows = Rows(k, k.in(0))](const Launch& l) {
    parallel_for(rows.images * rows.per_image, rows.y_row(),
                 [&](std::size_t begin, std::size_t end) {
                   for (Dim r = begin; r < static_cast<Dim>(end); ++r) {
                     float* y = l.out<float>(0) + r * rows.y_row();
                     const Dim from = rows.row(r % rows.per_image);
                     if (from == outside) {
                       std::fill_n(y, rows.y_row(), rows.value);
                       continue;
                     }
                     const float* x =
                         l.in<float>(0) + r / rows.per_image * rows.x_size() + from * rows.x_row();
                     std::memcpy(y + rows.before * rows.inner, x, rows.x_row() * sizeof(float));
                     rows.each_edge([&](Dim p) {
                       if (rows.constant)
                         std::fill_n(y + p * rows.inner, rows.inner, rows.value);
                       else
                         std::memcpy(y + p * rows.inner, x + rows.edge[p] * rows.inner,
                                     rows.inner * sizeof(float));
                     });
                   }
                 });
  };
}

/// dx of one image. Constant padding reads each row of dx once, the others add up.
void image_gradient(const Rows& rows, const float* dy, float* dx) {
  if (!rows.constant) std::fill_n(dx, rows.x_size(), 0.0f);
  for (Dim r = 0; r < rows.per_image; ++r, dy += rows.y_row()) {
    const Dim from = rows.row(r);
    if (from == outside) continue;
    float* to = dx + from * rows.x_row();
    const float* middle = dy + rows.before * rows.inner;
    if (rows.constant) {
      std::memcpy(to, middle, rows.x_row() * sizeof(float));
      continue;
    }
    add(middle, rows.x_row(), to);
    rows.each_edge(
        [&](Dim p) { add(dy + p * rows.inner, rows.inner, to + rows.edge[p] * rows.inner); });
  }
}

// in: dy.  out: dx
Kernel pad_gradient(KernelContext& k) {
  return [rows = Rows(k, k.out(0))](const Launch& l) {
    const Dim y_size = rows.per_image * rows.y_row();
    parallel_for(rows.images, y_size, [&](std::size_t begin, std::size_t end) {
      for (Dim n = begin; n < static_cast<Dim>(end); ++n)
        image_gradient(rows, l.in<float>(0) + n * y_size, l.out<float>(0) + n * rows.x_size());
    });
  };
}

}  // namespace

KernelPair pad_kernels() { return {pad, pad_gradient}; }

}  // namespace mpsnn::cpu
