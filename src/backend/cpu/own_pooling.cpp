#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/pooling.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

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

template <class Index>
MPSNN_SIMD void take_larger(const float* x, Dim c, int position, float* y, Index* argmax) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) {
    const bool larger = x[i] > y[i];
    y[i] = larger ? x[i] : y[i];
    argmax[i] = larger ? static_cast<Index>(position) : argmax[i];
  }
}

MPSNN_SIMD void take_larger(const float* x, Dim c, float* y) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) y[i] = x[i] > y[i] ? x[i] : y[i];
}

MPSNN_SIMD void add_scaled(const float* x, Dim c, float scale, float* y) {
#pragma omp simd
  for (Dim i = 0; i < c; ++i) y[i] += scale * x[i];
}

template <class Index>
void max_window(const PoolSizes& s, const float* image, Dim oh, Dim ow, float* y, Index* argmax) {
  const Clip h(oh, s.stride.h, s.top, s.kernel.h, s.dilation.h, s.h);
  const Clip w(ow, s.stride.w, s.left, s.kernel.w, s.dilation.w, s.w);
  const int area = s.kernel.h * s.kernel.w;
  const bool outside = s.zero && h.size() * w.size() < area;
  std::fill_n(y, s.c, outside ? 0 : -std::numeric_limits<float>::infinity());
  const int start = static_cast<int>(outside ? area : h.first * s.kernel.w + w.first);
  if (argmax) std::fill_n(argmax, s.c, static_cast<Index>(start));
  for (Dim i = h.first; i < h.last; ++i) {
    for (Dim j = w.first; j < w.last; ++j) {
      const Dim row = h.at + i * s.dilation.h, column = w.at + j * s.dilation.w;
      const float* pixel = image + (row * s.w + column) * s.c;
      if (argmax)
        take_larger(pixel, s.c, static_cast<int>(i * s.kernel.w + j), y, argmax);
      else
        take_larger(pixel, s.c, y);
    }
  }
}

template <class Index>
void max_pool(const PoolSizes& s, const float* x, float* y, Index* argmax) {
  const std::size_t cost = s.out_w * s.c * s.kernel.h * s.kernel.w;
  parallel_for(s.n * s.out_h, cost, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const float* image = x + row / s.out_h * s.h * s.w * s.c;
      for (Dim ow = 0; ow < s.out_w; ++ow) {
        const Dim at = row * s.out_w + ow;
        max_window(s, image, row % s.out_h, ow, y + at * s.y_row,
                   argmax ? argmax + at * s.c : nullptr);
      }
    }
  });
}

/// One image, and one range of its channels: windows overlap, so they cannot be
/// shared out otherwise.
template <class Index>
void max_gradient(const PoolSizes& s, const float* dy, const Index* argmax, float* dx) {
  const int area = s.kernel.h * s.kernel.w;
  std::fill_n(dx, s.h * s.w * s.c, 0.0f);
  for (Dim oh = 0; oh < s.out_h; ++oh) {
    for (Dim ow = 0; ow < s.out_w; ++ow, dy += s.y_row, argmax += s.c) {
      const Dim h = oh * s.stride.h - s.top, w = ow * s.stride.w - s.left;
      for (Dim i = 0; i < s.c; ++i) {
        const int position = argmax[i];
        if (position == area) continue;  // the outside won
        const Dim row = h + position / s.kernel.w * s.dilation.h;
        const Dim at = row * s.w + w + position % s.kernel.w * s.dilation.w;
        dx[at * s.c + i] += dy[i];
      }
    }
  }
}

template <class Index>
void max_pool_gradient(const PoolSizes& s, const float* dy, const Index* argmax, float* dx) {
  const Dim in = s.h * s.w * s.c, out = s.out_h * s.out_w;
  parallel_for(s.n, in, [&](std::size_t begin, std::size_t end) {
    for (std::size_t n = begin; n < end; ++n)
      max_gradient(s, dy + n * out * s.y_row, argmax + n * out * s.c, dx + n * in);
  });
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

Kernel own_max_pool(const PoolSizes& s) {
  return [s](const Launch& l) {
    if (s.wide)
      max_pool(s, l.in<float>(0), l.out<float>(0), wanted<std::int32_t>(l, 1));
    else
      max_pool(s, l.in<float>(0), l.out<float>(0), wanted<std::uint8_t>(l, 1));
  };
}

Kernel own_max_pool_gradient(const PoolSizes& s) {
  return [s](const Launch& l) {
    if (s.wide)
      max_pool_gradient(s, l.in<float>(0), l.in<std::int32_t>(1), l.out<float>(0));
    else
      max_pool_gradient(s, l.in<float>(0), l.in<std::uint8_t>(1), l.out<float>(0));
  };
}

Kernel own_average_pool(const PoolSizes& s) {
  return [s](const Launch& l) {
    const float* x = l.in<float>(0);
    float* y = l.out<float>(0);
    const std::size_t cost = s.out_w * s.c * s.kernel.h * s.kernel.w;
    parallel_for(s.n * s.out_h, cost, [=, &s](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        const float* image = x + row / s.out_h * s.h * s.w * s.c;
        for (Dim ow = 0; ow < s.out_w; ++ow) {
          float* to = y + (row * s.out_w + ow) * s.y_row;
          std::fill_n(to, s.c, 0.0f);
          each_pixel(s, row % s.out_h, ow, [&](Dim pixel, float scale) {
            add_scaled(image + pixel * s.c, s.c, scale, to);
          });
        }
      }
    });
  };
}

Kernel own_average_pool_gradient(const PoolSizes& s) {
  return [s](const Launch& l) {
    const float* dy = l.in<float>(0);
    float* dx = l.out<float>(0);
    const Dim in = s.h * s.w * s.c, out = s.out_h * s.out_w * s.y_row;
    parallel_for(s.n, in, [=, &s](std::size_t begin, std::size_t end) {
      for (std::size_t n = begin; n < end; ++n) {
        float* image = dx + n * in;
        const float* from = dy + n * out;
        std::fill_n(image, in, 0.0f);
        for (Dim oh = 0; oh < s.out_h; ++oh) {
          for (Dim ow = 0; ow < s.out_w; ++ow, from += s.y_row)
            each_pixel(s, oh, ow, [&](Dim pixel, float scale) {
              add_scaled(from, s.c, scale, image + pixel * s.c);
            });
        }
      }
    });
  };
}

}  // namespace mpsnn::cpu
