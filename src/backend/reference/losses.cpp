#include "backend/reference/softmax.hpp"

namespace mpsnn::reference {
namespace {

/// The labels of one image after smoothing.
struct Target {
  double smoothing;
  Dim K;

  double operator()(const double* labels, Dim i) const {
    return labels[i] * (1 - smoothing) + smoothing / static_cast<double>(K);
  }
};

// in: x, labels, weights.  out: loss, probabilities
Kernel forward(KernelContext& k) {
  const Target target{k.op<SoftmaxCrossEntropy>().label_smoothing, k.in(0).size()};
  return [target, K = target.K, N = k.batch](const Launch& l) {
    double *loss = wanted(l, 0), *probabilities = wanted(l, 1);
    for (Dim n = 0; n < N; ++n) {
      const double *x = l.in<double>(0) + n * K, *labels = l.in<double>(1) + n * K;
      const double shift = log_sum_exp(x, K);
      double sum = 0;
      for (Dim i = 0; i < K; ++i) {
        sum -= target(labels, i) * (x[i] - shift);
        if (probabilities) probabilities[n * K + i] = std::exp(x[i] - shift);
      }
      if (loss) loss[n] = l.in<double>(2)[n] * sum;
    }
  };
}

// in: dy, probabilities, labels, weights.  out: dx
Kernel gradient(KernelContext& k) {
  const Target target{k.op<SoftmaxCrossEntropy>().label_smoothing, k.in(1).size()};
  return [target, K = target.K, N = k.batch](const Launch& l) {
    for (Dim n = 0; n < N; ++n) {
      const double *p = l.in<double>(1) + n * K, *labels = l.in<double>(2) + n * K;
      const auto* dy = l.in<double>(0);
      const double scale = l.in<double>(3)[n] * dy[n];
      double total = 0;
      for (Dim i = 0; i < K; ++i) total += target(labels, i);
      for (Dim i = 0; i < K; ++i)
        l.out<double>(0)[n * K + i] = scale * (p[i] * total - target(labels, i));
    }
  };
}

/// Of the mean over the real images, or 1 where there is no batch axis.
Kernel initial_gradient(KernelContext& k) {
  return [batched = k.op<InitialGradient>().batched, N = k.batch](const Launch& l) {
    auto* y = l.out<double>(0);
    if (!batched) {
      *y = 1;
      return;
    }
    for (Dim n = 0; n < N; ++n) y[n] = n < l.run.images ? 1.0 / l.run.images : 0.0;
  };
}

}  // namespace

KernelPair initial_gradient_kernels() { return {initial_gradient}; }

KernelPair softmax_cross_entropy_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
