#include "backend/cpu/reductions.hpp"

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr Dim chunk = 128;  // rows summed in float32, before they go into a double

MPSNN_SIMD void sum_rows(const float* x, Dim rows, Dim stride, Dim n, double* total) {
  float part[Reduction::block] = {};
  if (n == Reduction::block) {
    for (Dim r = 0; r < rows; ++r) {
#pragma omp simd
      for (Dim c = 0; c < Reduction::block; ++c) part[c] += x[r * stride + c];
    }
  } else {
    for (Dim r = 0; r < rows; ++r) {
#pragma omp simd
      for (Dim c = 0; c < n; ++c) part[c] += x[r * stride + c];
    }
  }
  for (Dim c = 0; c < n; ++c) total[c] += part[c];
}

MPSNN_SIMD float sum_run(const float* x, Dim n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Dim i = 0; i < n; ++i) sum += x[i];
  return sum;
}

MPSNN_SIMD void scale_row(const float* x, Dim n, float scale, float* y) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] = scale * x[i];
}

/// The sums of one block of columns, over everything that is reduced.
void sum_block(const Reduction& r, const float* x, Dim n, double* total) {
  for (Dim f = 0; f < r.first; ++f, x += r.middle * r.second * r.inner) {
    for (Dim s = 0; s < r.second;) {
      if (r.inner == 1) {
        const Dim rows = std::min(8 * chunk, r.second - s);
        total[0] += sum_run(x + s, rows);
        s += rows;
      } else {
        const Dim rows = std::min(chunk, r.second - s);
        sum_rows(x + s * r.inner, rows, r.inner, n, total);
        s += rows;
      }
    }
  }
}

Kernel total(const Reduction& r, float scale) {
  return [r, scale](const Launch& l) {
    r.each_block([&](Dim x, Dim y, Dim n) {
      double sum[Reduction::block] = {};
      sum_block(r, l.in<float>(0) + x, n, sum);
      for (Dim c = 0; c < n; ++c) l.out<float>(0)[y + c] = static_cast<float>(sum[c] * scale);
    });
  };
}

// in: dy.  out: dx
Kernel total_gradient(const Reduction& r, float scale) {
  return [r, scale](const Launch& l) {
    // Runs of one value where columns are one element wide, else copies of rows of dy.
    const Dim rows = r.inner == 1 ? 1 : r.second, length = r.inner == 1 ? r.second : r.inner;
    const Dim all = r.outer * r.first * r.middle * rows;
    parallel_for(all, length, [&](std::size_t begin, std::size_t end) {
      for (Dim i = begin; i < static_cast<Dim>(end); ++i) {
        const Dim block = i / rows, o = block / (r.first * r.middle), m = block % r.middle;
        const float* dy = l.in<float>(0) + (o * r.middle + m) * r.inner;
        float* dx = l.out<float>(0) + i * length;
        if (r.inner == 1)
          std::fill_n(dx, length, *dy * scale);
        else
          scale_row(dy, length, scale, dx);
      }
    });
  };
}

Kernel forward(KernelContext& k) {
  const Reduction r(k, k.in(0));
  switch (k.op<Reduce>().kind) {
    case Reduce::Kind::sum:
      return total(r, 1);
    case Reduce::Kind::mean:
      return total(r, r.mean());
    case Reduce::Kind::min:
    case Reduce::Kind::max:
      return extreme(r, k.op<Reduce>().kind == Reduce::Kind::max, 0, 1);
    default:
      return extreme(r, k.op<Reduce>().kind == Reduce::Kind::argmax, -1, 0);
  }
}

Kernel gradient(KernelContext& k) {
  const Reduction r(k, k.out(0));
  switch (k.op<Reduce>().kind) {
    case Reduce::Kind::sum:
      return total_gradient(r, 1);
    case Reduce::Kind::mean:
      return total_gradient(r, r.mean());
    default:
      return extreme_gradient(r);
  }
}

}  // namespace

Reduction::Reduction(const KernelContext& k, const Shape& x)
    : outer(k.in_elements(0) / k.in(0).size()) {
  // Neighbours that are kept or reduced alike are as one; the batch is kept.
  std::array<Dim, 5> group = {outer, 1, 1, 1, 1};
  int g = 0;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == 1) continue;
    const int reduced = k.op<Reduce>().axes >> i & 1;
    if (g % 2 != reduced) ++g;
    group[g] *= x[i];
  }
  outer = group[0];
  if (g < 3) {
    second = group[1];
    inner = group[2];
  } else {
    first = group[1];
    middle = group[2];
    second = group[3];
    inner = group[4];
  }
}

KernelPair reduce_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
