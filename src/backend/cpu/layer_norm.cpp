#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t chunk = 1024;  // elements summed in float32, before they go into a double

/// Sum over a row of f(element), by chunks.
template <class F>
double sum(std::size_t n, const F& f) {
  double total = 0;
  for (std::size_t first = 0; first < n; first += chunk)
    total += f(first, std::min(n, first + chunk));
  return total;
}

MPSNN_SIMD float add_up(const float* x, std::size_t begin, std::size_t end) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::size_t i = begin; i < end; ++i) total += x[i];
  return total;
}

MPSNN_SIMD float squares(const float* x, float mean, std::size_t begin, std::size_t end) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::size_t i = begin; i < end; ++i) total += (x[i] - mean) * (x[i] - mean);
  return total;
}

MPSNN_SIMD void normalize(const float* x, const float* gamma, const float* beta, float mean,
                          float factor, float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) {
    const float z = (x[i] - mean) * factor;
    y[i] = z * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
  }
}

/// A row: x, dy, gamma or null, and its statistics.
struct Row {
  const float *x, *dy, *gamma;
  float mean, factor;  ///< factor = 1 / deviation

  float h(std::size_t i) const { return gamma ? dy[i] * gamma[i] : dy[i]; }
  float z(std::size_t i) const { return (x[i] - mean) * factor; }
};

MPSNN_SIMD float sum_h(const Row& r, std::size_t begin, std::size_t end) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::size_t i = begin; i < end; ++i) total += r.h(i);
  return total;
}

MPSNN_SIMD float sum_hz(const Row& r, std::size_t begin, std::size_t end) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (std::size_t i = begin; i < end; ++i) total += r.h(i) * r.z(i);
  return total;
}

MPSNN_SIMD void gradient_row(const Row& r, float mean_h, float mean_hz, float* dx, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) dx[i] = (r.h(i) - mean_h - r.z(i) * mean_hz) * r.factor;
}

MPSNN_SIMD void add_parameters(const Row& r, double* dgamma, double* dbeta, std::size_t begin,
                               std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) dgamma[i] += static_cast<double>(r.dy[i]) * r.z(i);
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) dbeta[i] += r.dy[i];
}

std::size_t width_of(const LayerNorm& op, const Shape& x) {
  std::size_t width = 1;
  for (int i = x.rank() - op.axes; i < x.rank(); ++i) width *= x[i];
  return width;
}

// in: x, gamma, beta.  out: y, mean, deviation
Kernel forward(KernelContext& k) {
  const auto op = k.op<LayerNorm>();
  const std::size_t n = width_of(op, k.in(0)), rows = k.in_elements(0) / n;
  const bool scaled = k.has_in(1), shifted = k.has_in(2);
  return [=](const Launch& l) {
    float *y = wanted<float>(l, 0), *means = wanted<float>(l, 1), *deviations = wanted<float>(l, 2);
    parallel_for(rows, n * 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) {
        const float* x = l.in<float>(0) + r * n;
        const auto count = static_cast<double>(n);
        const auto mean = static_cast<float>(
            sum(n, [&](std::size_t a, std::size_t b) { return add_up(x, a, b); }) / count);
        const double variance =
            sum(n, [&](std::size_t a, std::size_t b) { return squares(x, mean, a, b); }) / count;
        const auto deviation = static_cast<float>(std::sqrt(variance + op.epsilon));
        if (y)
          normalize(x, scaled ? l.in<float>(1) : nullptr, shifted ? l.in<float>(2) : nullptr, mean,
                    1 / deviation, y + r * n, n);
        if (means) means[r] = mean;
        if (deviations) deviations[r] = deviation;
      }
    });
  };
}

// in: dy, x, gamma, mean, deviation.  out: dx, dgamma, dbeta
Kernel gradient(KernelContext& k) {
  const std::size_t n = width_of(k.op<LayerNorm>(), k.in(1)), rows = k.in_elements(1) / n;
  const bool scaled = k.has_in(2), parameters = k.has_out(1) || k.has_out(2);
  const Scratch sums(k, parameters ? 2 * n * sizeof(double) : 0);
  return [=](const Launch& l) {
    const auto row = [&](std::size_t r) {
      return Row{l.in<float>(1) + r * n, l.in<float>(0) + r * n, scaled ? l.in<float>(2) : nullptr,
                 l.in<float>(3)[r], 1 / l.in<float>(4)[r]};
    };
    if (auto* dx = wanted<float>(l, 0))
      parallel_for(rows, n * 4, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) {
          const Row data = row(r);
          const auto mean = [&](auto part) {
            return static_cast<float>(
                sum(n, [&](std::size_t a, std::size_t b) { return part(data, a, b); }) /
                static_cast<double>(n));
          };
          gradient_row(data, mean(sum_h), mean(sum_hz), dx + r * n, n);
        }
      });
    if (!parameters) return;
    auto *dgamma = sums.at<double>(l), *dbeta = dgamma + n;
    parallel_for(n, rows, [&](std::size_t begin, std::size_t end) {
      std::fill(dgamma + begin, dgamma + end, 0.0);
      std::fill(dbeta + begin, dbeta + end, 0.0);
      for (std::size_t r = 0; r < rows; ++r) add_parameters(row(r), dgamma, dbeta, begin, end);
    });
    if (auto* out = wanted<float>(l, 1)) std::copy_n(dgamma, n, out);
    if (auto* out = wanted<float>(l, 2)) std::copy_n(dbeta, n, out);
  };
}

}  // namespace

KernelPair layer_norm_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
