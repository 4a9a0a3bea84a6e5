#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t block = 64;   // channels at once, in registers or nearly
constexpr std::size_t chunk = 128;  // pixels summed in float32, before they go into a double

/// Images of pixels of channels, in groups of so many.
struct Sizes {
  std::size_t images, pixels, channels, groups;

  Sizes(const KernelContext& k, const Shape& x)
      : images(k.batch),
        pixels(x.size() / x[x.rank() - 1]),
        channels(x[x.rank() - 1]),
        groups(k.op<GroupNorm>().groups) {}

  std::size_t width() const { return channels / groups; }
  std::size_t image() const { return pixels * channels; }

  /// Calls f(image, first channel, channels) for blocks of channels, in parallel.
  template <class F>
  void each_block(const F& f) const {
    const std::size_t blocks = (channels + block - 1) / block;
    parallel_for(images * blocks, pixels * std::min(block, channels),
                 [&](std::size_t begin, std::size_t end) {
                   for (std::size_t i = begin; i < end; ++i) {
                     const std::size_t c = i % blocks * block;
                     f(i / blocks, c, std::min(block, channels - c));
                   }
                 });
  }
  /// Calls f(pixel of the batch) in parallel.
  template <class F>
  void each_pixel(const F& f) const {
    parallel_for(images * pixels, channels, [&](std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p) f(p);
    });
  }
  /// Calls f(group of the batch, its first channel among those of all images).
  template <class F>
  void each_group(const F& f) const {
    for (std::size_t g = 0; g < images * groups; ++g) f(g, g * width());
  }
};

MPSNN_SIMD void add(const float* x, std::size_t pixels, std::size_t row, std::size_t n,
                    float* sums) {
  for (std::size_t p = 0; p < pixels; ++p) {
#pragma omp simd
    for (std::size_t c = 0; c < n; ++c) sums[c] += x[p * row + c];
  }
}

MPSNN_SIMD void add_squares(const float* x, const float* mean, std::size_t pixels, std::size_t row,
                            std::size_t n, float* sums) {
  for (std::size_t p = 0; p < pixels; ++p) {
#pragma omp simd
    for (std::size_t c = 0; c < n; ++c) {
      const float d = x[p * row + c] - mean[c];
      sums[c] += d * d;
    }
  }
}

MPSNN_SIMD void add_products(const float* dy, const float* x, const float* mean, std::size_t pixels,
                             std::size_t row, std::size_t n, float* sums) {
  for (std::size_t p = 0; p < pixels; ++p) {
#pragma omp simd
    for (std::size_t c = 0; c < n; ++c) sums[c] += dy[p * row + c] * (x[p * row + c] - mean[c]);
  }
}

/// totals[c] of every channel of every image, where part(first element, pixels, channel of the
/// batch, channels, sums) adds the terms of some pixels.
template <class F>
void total(const Sizes& s, double* totals, const F& part) {
  s.each_block([&](std::size_t image, std::size_t c, std::size_t n) {
    double* out = totals + image * s.channels + c;
    std::fill_n(out, n, 0.0);
    for (std::size_t p = 0; p < s.pixels; p += chunk) {
      float sums[block] = {};
      part(image * s.image() + p * s.channels + c, std::min(chunk, s.pixels - p),
           image * s.channels + c, n, sums);
      for (std::size_t i = 0; i < n; ++i) out[i] += sums[i];
    }
  });
}

/// The memory of a kernel: per channel of each image.
struct Channels {
  Scratch totals, more, a, b, c;

  Channels(KernelContext& k, std::size_t n)
      : totals(k, n * sizeof(double)),
        more(k, n * sizeof(double)),
        a(k, n * sizeof(float)),
        b(k, n * sizeof(float)),
        c(k, n * sizeof(float)) {}
};

MPSNN_SIMD void scale_shift(const float* x, const float* scale, const float* mean,
                            const float* shift, float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t c = 0; c < n; ++c) y[c] = (x[c] - mean[c]) * scale[c] + shift[c];
}

/// Gives each group's mean of totals to its channels in `out`, through f.
template <class F>
void spread(const Sizes& s, const double* totals, float* out, const F& f) {
  const double count = static_cast<double>(s.width() * s.pixels);
  s.each_group([&](std::size_t g, std::size_t first) {
    double sum = 0;
    for (std::size_t c = first; c < first + s.width(); ++c) sum += totals[c];
    std::fill_n(out + first, s.width(), f(g, sum / count));
  });
}

// in: x, gamma, beta.  out: y, mean, deviation
Kernel forward(KernelContext& k) {
  const Sizes s(k, k.in(0));
  const float epsilon = k.op<GroupNorm>().epsilon;
  const Channels memory(k, s.images * s.channels);
  const bool scaled = k.has_in(1), shifted = k.has_in(2);
  return [=](const Launch& l) {
    const float* x = l.in<float>(0);
    float *means = wanted<float>(l, 1), *deviations = wanted<float>(l, 2);
    auto* totals = memory.totals.at<double>(l);
    auto *mean = memory.a.at<float>(l), *scale = memory.b.at<float>(l);
    total(s, totals,
          [&](std::size_t at, std::size_t pixels, std::size_t, std::size_t n, float* sums) {
            add(x + at, pixels, s.channels, n, sums);
          });
    spread(s, totals, mean, [&](std::size_t g, double m) {
      if (means) means[g] = static_cast<float>(m);
      return static_cast<float>(m);
    });
    total(s, totals,
          [&](std::size_t at, std::size_t pixels, std::size_t c, std::size_t n, float* sums) {
            add_squares(x + at, mean + c, pixels, s.channels, n, sums);
          });
    spread(s, totals, scale, [&](std::size_t g, double variance) {
      const double deviation = std::sqrt(variance + epsilon);
      if (deviations) deviations[g] = static_cast<float>(deviation);
      return static_cast<float>(1 / deviation);
    });
    auto* shift = memory.c.at<float>(l);
    for (std::size_t i = 0; i < s.images * s.channels; ++i) {
      if (scaled) scale[i] *= l.in<float>(1)[i % s.channels];
      shift[i] = shifted ? l.in<float>(2)[i % s.channels] : 0;
    }
    float* y = wanted<float>(l, 0);
    if (!y) return;
    s.each_pixel([&](std::size_t p) {
      const std::size_t c = p / s.pixels * s.channels, at = p * s.channels;
      scale_shift(x + at, scale + c, mean + c, shift + c, y + at, s.channels);
    });
  };
}

MPSNN_SIMD void gradient_pixel(const float* dy, const float* x, const float* gamma,
                               const float* mean, const float* mean_h, const float* slope,
                               const float* factor, float* dx, std::size_t n) {
#pragma omp simd
  for (std::size_t c = 0; c < n; ++c) {
    const float h = gamma ? dy[c] * gamma[c] : dy[c];
    dx[c] = (h - mean_h[c] - (x[c] - mean[c]) * slope[c]) * factor[c];
  }
}

/// Sums over the images of each channel's totals.
void add_images(const Sizes& s, const double* totals, float* out) {
  for (std::size_t c = 0; c < s.channels; ++c) {
    double sum = 0;
    for (std::size_t n = 0; n < s.images; ++n) sum += totals[n * s.channels + c];
    out[c] = static_cast<float>(sum);
  }
}

// in: dy, x, gamma, mean, deviation.  out: dx, dgamma, dbeta
Kernel gradient(KernelContext& k) {
  const Sizes s(k, k.in(1));
  const std::size_t all = s.images * s.channels;
  const Channels memory(k, all);
  const Scratch factors(k, all * sizeof(float));
  const bool scaled = k.has_in(2);
  return [=](const Launch& l) {
    const float *dy = l.in<float>(0), *x = l.in<float>(1);
    const float* gamma = scaled ? l.in<float>(2) : nullptr;
    auto *sum_g = memory.totals.at<double>(l), *sum_gz = memory.more.at<double>(l);
    auto *mean = memory.a.at<float>(l), *mean_h = memory.b.at<float>(l);
    auto *slope = memory.c.at<float>(l), *factor = factors.at<float>(l);
    s.each_group([&](std::size_t g, std::size_t first) {
      std::fill_n(mean + first, s.width(), l.in<float>(3)[g]);
      std::fill_n(factor + first, s.width(), 1 / l.in<float>(4)[g]);
    });
    total(s, sum_g,
          [&](std::size_t at, std::size_t pixels, std::size_t, std::size_t n, float* sums) {
            add(dy + at, pixels, s.channels, n, sums);
          });
    total(s, sum_gz,
          [&](std::size_t at, std::size_t pixels, std::size_t c, std::size_t n, float* sums) {
            add_products(dy + at, x + at, mean + c, pixels, s.channels, n, sums);
          });
    for (std::size_t i = 0; i < all; ++i) sum_gz[i] *= factor[i];
    if (auto* dgamma = wanted<float>(l, 1)) add_images(s, sum_gz, dgamma);
    if (auto* dbeta = wanted<float>(l, 2)) add_images(s, sum_g, dbeta);
    float* dx = wanted<float>(l, 0);
    if (!dx) return;
    for (std::size_t i = 0; gamma && i < all; ++i) {
      sum_g[i] *= gamma[i % s.channels];
      sum_gz[i] *= gamma[i % s.channels];
    }
    const auto as_it_is = [](std::size_t, double m) { return static_cast<float>(m); };
    spread(s, sum_g, mean_h, as_it_is);
    spread(s, sum_gz, slope, as_it_is);
    for (std::size_t i = 0; i < all; ++i) slope[i] *= factor[i];
    s.each_pixel([&](std::size_t p) {
      const std::size_t c = p / s.pixels * s.channels, at = p * s.channels;
      gradient_pixel(dy + at, x + at, gamma, mean + c, mean_h + c, slope + c, factor + c, dx + at,
                     s.channels);
    });
  };
}

}  // namespace

KernelPair group_norm_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
