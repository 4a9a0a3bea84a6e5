#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/pooling.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/sums.hpp"

namespace mpsnn::cpu {
namespace {

template <class T>
MPSNN_SIMD void add_scaled(const T* x, Dim c, float scale, float* y) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) y[i] += scale * x[i];
}

/// Calls f(pixel, scale) for each pixel of a window that is not dilated.
template <class F>
void each_pixel(const PoolSizes& s, Dim oh, Dim ow, const F& f) {
  const Clip h(oh, s.stride.h, s.top, s.kernel.h, 1, s.h);
  const Clip w(ow, s.stride.w, s.left, s.kernel.w, 1, s.w);
  const Dim counted = s.zero ? Dim{s.kernel.h} * s.kernel.w : h.size() * w.size();
  const float scale = 1.0f / static_cast<float>(std::max<Dim>(1, counted));
  for (Dim i = h.first; i < h.last; ++i) {
    for (Dim j = w.first; j < w.last; ++j) f((h.at + i) * s.w + w.at + j, scale);
  }
}

MPSNN_SIMD void add_squares(const float* x, Dim c, float* y) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) y[i] += x[i] * x[i];
}

MPSNN_SIMD void roots(Dim c, float* y) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) y[i] = std::sqrt(y[i]);
}

/// dx += dy x / y, nothing where y is 0.
MPSNN_SIMD void add_quotients(const float* dy, const float* x, const float* y, Dim c, float* dx) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) dx[i] += y[i] == 0 ? 0 : dy[i] * x[i] / y[i];
}

/// Calls f(output pixel of the batch, its image's first element, row, column), in parallel.
template <class F>
void each_window(const PoolSizes& s, const F& f) {
  const std::size_t cost = s.out_w * s.c * s.kernel.h * s.kernel.w;
  parallel_for(s.n * s.out_h, cost, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const Dim image = row / s.out_h * s.h * s.w * s.c;
      for (Dim ow = 0; ow < s.out_w; ++ow) f(row * s.out_w + ow, image, row % s.out_h, ow);
    }
  });
}

/// Calls f(first element of dy, of dx, sums for dx) for every image, in parallel.
template <class T, class F>
void each_gradient(const PoolSizes& s, const Launch& l, const Sums<T>& sums, const F& f) {
  const Dim in = s.h * s.w * s.c, out = s.out_h * s.out_w;
  parallel_for(s.n, in, [&](std::size_t begin, std::size_t end) {
    for (std::size_t n = begin; n < end; ++n) {
      T* dx = l.out<T>(0) + n * in;
      float* sum = sums.begin(l, dx);
      f(l.in<T>(0) + n * out * s.y_row, n * out * s.c, sum);
      sums.end(sum, dx);
    }
  });
}

template <class T>
Kernel average_kernel(KernelContext& k, const PoolSizes& s) {
  const Sums<T> sums(k, s.c);
  return [s, sums](const Launch& l) {
    each_window(s, [&](Dim at, Dim image, Dim oh, Dim ow) {
      T* y = l.out<T>(0) + at * s.y_row;
      float* sum = sums.begin(l, y);
      std::fill_n(sum, s.c, 0.0f);
      each_pixel(s, oh, ow, [&](Dim pixel, float scale) {
        add_scaled(l.in<T>(0) + image + pixel * s.c, s.c, scale, sum);
      });
      sums.end(sum, y);
    });
  };
}

template <class T>
Kernel average_gradient_kernel(KernelContext& k, const PoolSizes& s) {
  const Sums<T> sums(k, s.h * s.w * s.c);
  return [s, sums](const Launch& l) {
    each_gradient<T>(s, l, sums, [&](const T* dy, std::size_t, float* dx) {
      std::fill_n(dx, s.h * s.w * s.c, 0.0f);
      for (Dim oh = 0; oh < s.out_h; ++oh) {
        for (Dim ow = 0; ow < s.out_w; ++ow, dy += s.y_row)
          each_pixel(s, oh, ow,
                     [&](Dim pixel, float scale) { add_scaled(dy, s.c, scale, dx + pixel * s.c); });
      }
    });
  };
}

}  // namespace

Kernel own_l2_pool(const PoolSizes& s) {
  return [s](const Launch& l) {
    each_window(s, [&](Dim at, Dim image, Dim oh, Dim ow) {
      float* y = l.out<float>(0) + at * s.c;
      std::fill_n(y, s.c, 0.0f);
      each_pixel(s, oh, ow, [&](Dim pixel, float) {
        add_squares(l.in<float>(0) + image + pixel * s.c, s.c, y);
      });
      roots(s.c, y);
    });
  };
}

Kernel own_l2_pool_gradient(const PoolSizes& s) {
  return [s](const Launch& l) {
    const Dim in = s.h * s.w * s.c;
    parallel_for(s.n, in, [&](std::size_t begin, std::size_t end) {
      for (Dim n = begin; n < static_cast<Dim>(end); ++n) {
        const float* x = l.in<float>(1) + n * in;
        float* dx = l.out<float>(0) + n * in;
        std::fill_n(dx, in, 0.0f);
        for (Dim o = 0; o < s.out_h * s.out_w; ++o) {
          const Dim at = (n * s.out_h * s.out_w + o) * s.c;
          each_pixel(s, o / s.out_w, o % s.out_w, [&](Dim pixel, float) {
            add_quotients(l.in<float>(0) + at, x + pixel * s.c, l.in<float>(2) + at, s.c,
                          dx + pixel * s.c);
          });
        }
      }
    });
  };
}

Kernel own_average_pool(KernelContext& k, const PoolSizes& s) {
  return with_float(s.type, [&]<class T>(T) { return average_kernel<T>(k, s); });
}

Kernel own_average_pool_gradient(KernelContext& k, const PoolSizes& s) {
  return with_float(s.type, [&]<class T>(T) { return average_gradient_kernel<T>(k, s); });
}

}  // namespace mpsnn::cpu
