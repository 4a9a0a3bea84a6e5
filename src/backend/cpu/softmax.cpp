#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/log_sum_exp.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t exp_cost = 16;  // of one exp, in elements

/// exp(x - max x), not divided yet; may overwrite x.
struct Exponentials {
  float max, sum = 0;

  Exponentials(const float* x, std::size_t classes, float* y) : max(x[0]) {
    for (std::size_t c = 1; c < classes; ++c) max = std::max(max, x[c]);
    for (std::size_t c = 0; c < classes; ++c) sum += y[c] = std::exp(x[c] - max);
  }
};

MPSNN_SIMD void divide(float* y, std::size_t n, float by) {
  const float factor = 1 / by;
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] *= factor;
}

/// dx = y * (dy - sum y dy)
MPSNN_SIMD void softmax_gradient_row(const float* dy, const float* y, float* dx,
                                     std::size_t classes) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (std::size_t c = 0; c < classes; ++c) dot += y[c] * dy[c];
#pragma omp simd
  for (std::size_t c = 0; c < classes; ++c) dx[c] = y[c] * (dy[c] - dot);
}

Kernel softmax(KernelContext& k) {
  const Shape& shape = k.in(0);
  const std::size_t classes = shape[shape.rank() - 1], rows = k.in_elements(0) / classes;
  return [=](const Launch& l) {
    parallel_for(rows, classes * exp_cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) {
        float* y = l.out<float>(0) + r * classes;
        divide(y, classes, Exponentials(l.in<float>(0) + r * classes, classes, y).sum);
      }
    });
  };
}

Kernel softmax_gradient(KernelContext& k) {
  const Shape& shape = k.in(0);
  const std::size_t classes = shape[shape.rank() - 1], rows = k.in_elements(0) / classes;
  return [=](const Launch& l) {
    parallel_for(rows, classes, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin * classes; r < end * classes; r += classes)
        softmax_gradient_row(l.in<float>(0) + r, l.in<float>(1) + r, l.out<float>(0) + r, classes);
    });
  };
}

/// y = x - log sum exp(x); may overwrite x.
void log_softmax_row(const float* x, float* y, std::size_t classes) {
  const float shift = log_sum_exp(x, static_cast<Dim>(classes));
  for (std::size_t c = 0; c < classes; ++c) y[c] = x[c] - shift;
}

/// dx = dy - exp(y) * sum dy
void log_softmax_gradient_row(const float* dy, const float* y, float* dx, std::size_t classes) {
  float sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += dy[c];
  for (std::size_t c = 0; c < classes; ++c) dx[c] = dy[c] - std::exp(y[c]) * sum;
}

Kernel log_softmax(KernelContext& k) {
  const Shape& shape = k.in(0);
  const std::size_t classes = shape[shape.rank() - 1], rows = k.in_elements(0) / classes;
  return [=](const Launch& l) {
    parallel_for(rows, classes * exp_cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin * classes; r < end * classes; r += classes)
        log_softmax_row(l.in<float>(0) + r, l.out<float>(0) + r, classes);
    });
  };
}

Kernel log_softmax_gradient(KernelContext& k) {
  const Shape& shape = k.in(0);
  const std::size_t classes = shape[shape.rank() - 1], rows = k.in_elements(0) / classes;
  return [=](const Launch& l) {
    parallel_for(rows, classes * exp_cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin * classes; r < end * classes; r += classes)
        log_softmax_gradient_row(l.in<float>(0) + r, l.in<float>(1) + r, l.out<float>(0) + r,
                                 classes);
    });
  };
}

}  // namespace

KernelPair softmax_kernels() { return {softmax, softmax_gradient}; }

KernelPair log_softmax_kernels() { return {log_softmax, log_softmax_gradient}; }

}  // namespace mpsnn::cpu
