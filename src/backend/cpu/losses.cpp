#include <cmath>

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

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

/// Labels with their smoothing: t[k] = labels[k] * keep + add.
struct Smoothing {
  float keep, add;
  explicit Smoothing(float s, std::size_t classes) : keep(1 - s), add(s / classes) {}
};

/// -sum_k t[k] log softmax(x)[k] of one image. Keeps exp(x - max) in `e`.
float cross_entropy(const float* x, const float* labels, const Smoothing& smooth,
                    std::size_t classes, float* e, float* sum) {
  const Exponentials exponentials(x, classes, e);
  const float log_sum = std::log(exponentials.sum);
  float loss = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const float t = labels[c] * smooth.keep + smooth.add;
    loss += t * (log_sum - (x[c] - exponentials.max));
  }
  *sum = exponentials.sum;
  return loss;
}

Kernel softmax_cross_entropy(KernelContext& k) {
  const std::size_t classes = k.in(0).size(), batch = k.batch;
  const Smoothing smooth(k.op<SoftmaxCrossEntropy>().label_smoothing, classes);
  // Where nobody wants the probabilities they go to scratch.
  if (!k.has_out(1)) k.scratch_bytes = batch * classes * sizeof(float);
  return [=](const Launch& l) {
    float* probabilities = wanted<float>(l, 1);
    if (!probabilities) probabilities = static_cast<float*>(l.scratch);
    parallel_for(batch, classes * exp_cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t n = begin; n < end; ++n) {
        const std::size_t row = n * classes;
        float sum = 0;
        const float loss = cross_entropy(l.in<float>(0) + row, l.in<float>(1) + row, smooth,
                                         classes, probabilities + row, &sum);
        divide(probabilities + row, classes, sum);
        if (float* out = l.out<float>(0)) out[n] = l.in<float>(2)[n] * loss;
      }
    });
  };
}

/// dx = scale * (probabilities * sum t - t)
void loss_gradient_row(const float* probabilities, const float* labels, const Smoothing& smooth,
                       float scale, std::size_t classes, float* dx) {
  float sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += labels[c] * smooth.keep + smooth.add;
  for (std::size_t c = 0; c < classes; ++c)
    dx[c] = scale * (probabilities[c] * sum - (labels[c] * smooth.keep + smooth.add));
}

Kernel softmax_cross_entropy_gradient(KernelContext& k) {
  const std::size_t classes = k.out(0).size(), batch = k.batch;
  const Smoothing smooth(k.op<SoftmaxCrossEntropy>().label_smoothing, classes);
  return [=](const Launch& l) {
    const float* dy = l.in<float>(0);
    const float* weights = l.in<float>(3);
    parallel_for(batch, classes, [&](std::size_t begin, std::size_t end) {
      for (std::size_t n = begin; n < end; ++n) {
        const std::size_t row = n * classes;
        const float scale = weights[n] * dy[n];
        loss_gradient_row(l.in<float>(1) + row, l.in<float>(2) + row, smooth, scale, classes,
                          l.out<float>(0) + row);
      }
    });
  };
}

Kernel initial_gradient(KernelContext& k) {
  const int count = k.op<InitialGradient>().batched ? k.batch : 1;
  const bool batched = k.op<InitialGradient>().batched;
  return [=](const Launch& l) {
    const int real = batched ? l.run.images : 1;
    float* y = l.out<float>(0);
    std::fill(std::fill_n(y, real, 1.0f / static_cast<float>(real)), y + count, 0.0f);
  };
}

}  // namespace

KernelPair initial_gradient_kernels() { return {initial_gradient}; }

KernelPair softmax_kernels() { return {softmax, softmax_gradient}; }

KernelPair softmax_cross_entropy_kernels() {
  return {softmax_cross_entropy, softmax_cross_entropy_gradient};
}

}  // namespace mpsnn::cpu
