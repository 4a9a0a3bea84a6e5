#include <cmath>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/finite.hpp"
#include "backend/cpu/flush.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

/// Whether a rule runs in this step: the last of every so many.
bool due(int every, const Launch& l) { return (l.run.step + 1) % every == 0; }

MPSNN_SIMD void running(float* statistic, const float* value, float keep, float take,
                        std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) statistic[i] = keep * statistic[i] + take * value[i];
}

// `g` is multiplied by `unscale` as it is read; where only its product with a rate is needed, that
// is in the rate.

MPSNN_SIMD void sgd(float* w, const float* g, float rate, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) w[i] -= rate * g[i];
}

MPSNN_SIMD void sgd_momentum(float* w, float* m, const float* g, float rate, float momentum,
                             std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    m[i] = momentum * m[i] + rate * g[i];
    w[i] -= m[i];
  }
}

MPSNN_SIMD void sgd_nesterov(float* w, float* m, const float* g, float unscale, float rate,
                             float momentum, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = unscale * g[i];
    m[i] = momentum * m[i] + d;
    w[i] -= rate * (d + momentum * m[i]);
  }
}

MPSNN_SIMD void rms_prop(float* w, float* s, const float* g, float unscale, float rate,
                         const RmsProp& op, std::size_t begin, std::size_t end) {
  const float keep = op.decay, take = 1 - op.decay, epsilon = op.epsilon;
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = unscale * g[i];
    s[i] = keep * s[i] + take * d * d;
    w[i] -= rate * d / (std::sqrt(s[i]) + epsilon);
  }
}

/// Of one step: the rate with its corrections, and what weight decay leaves of a weight.
struct AdamStep {
  float rate, keep, unscale;
};

MPSNN_SIMD void adam(float* w, float* m, float* v, const float* g, AdamStep step, const Adam& op,
                     std::size_t begin, std::size_t end) {
  const float keep1 = op.beta1, take1 = 1 - op.beta1;
  const float keep2 = op.beta2, take2 = 1 - op.beta2, epsilon = op.epsilon;
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = step.unscale * g[i];
    m[i] = keep1 * m[i] + take1 * d;
    v[i] = keep2 * v[i] + take2 * d * d;
    w[i] = w[i] * step.keep - step.rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

MPSNN_SIMD void amsgrad(float* w, float* m, float* v, float* maximum, const float* g, AdamStep step,
                        const Adam& op, std::size_t begin, std::size_t end) {
  const float keep1 = op.beta1, take1 = 1 - op.beta1;
  const float keep2 = op.beta2, take2 = 1 - op.beta2, epsilon = op.epsilon;
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = step.unscale * g[i];
    m[i] = keep1 * m[i] + take1 * d;
    v[i] = keep2 * v[i] + take2 * d * d;
    maximum[i] = maximum[i] > v[i] ? maximum[i] : v[i];
    w[i] = w[i] * step.keep - step.rate * m[i] / (std::sqrt(maximum[i]) + epsilon);
  }
}

/// The parts of a weight that threads update.
class Parts {
 public:
  explicit Parts(KernelContext& k) : session_(&CpuSession::of(k)), n_(k.in_elements(0)) {}

  /// Calls f(begin, end) for each. Other threads have read the weight: where these have no cache in
  /// common with this one, to write what they still have takes several times as long as to read it
  /// from memory. On 2 such cores of Zen 4 a step of the LSTM of 200 units, batch 32, takes 7.1
  /// instead of 7.7 ms in float32, one of ResNet-18 in bfloat16 324 to 338 instead of 338 to 352.
  template <class F>
  void operator()(const float* weight, const F& f) const {
    const bool apart = session_->is_apart();
    parallel_for(n_, 1, [&](std::size_t begin, std::size_t end) {
      if (apart) flush(weight + begin, weight + end);
      f(begin, end);
    });
  }

 private:
  CpuSession* session_;
  std::size_t n_;
};

Kernel running_kernel(KernelContext& k) {
  const auto op = k.op<Running>();
  return [op, n = k.in_elements(0)](const Launch& l) {
    const auto count = static_cast<float>(op.unbiased_pixels * l.run.images);
    const float take = (1 - op.keep) * (count > 1 ? count / (count - 1) : 1);
    running(l.variable<float>(0), l.in<float>(1), op.keep, take, 0, n);
  };
}

Kernel sgd_kernel(KernelContext& k) {
  return [op = k.op<Sgd>(), n = k.in_elements(0), check = Check(k), parts = Parts(k),
          unscale = Unscale(k, 2)](const Launch& l) {
    float *w = l.variable<float>(0), *m = l.variable<float>(1);
    const float* g = l.in<float>(2);
    const float rate = *l.in<float>(3);
    if (!due(op.every, l)) return;
    check(l, g, n);
    parts(w, [&](std::size_t begin, std::size_t end) {
      if (!m)
        sgd(w, g, rate * unscale(l), begin, end);
      else if (op.nesterov)
        sgd_nesterov(w, m, g, unscale(l), rate, op.momentum, begin, end);
      else
        sgd_momentum(w, m, g, rate * unscale(l), op.momentum, begin, end);
    });
  };
}

Kernel rms_prop_kernel(KernelContext& k) {
  return [op = k.op<RmsProp>(), n = k.in_elements(0), check = Check(k), parts = Parts(k),
          unscale = Unscale(k, 2)](const Launch& l) {
    if (!due(op.every, l)) return;
    check(l, l.in<float>(2), n);
    parts(l.variable<float>(0), [&](std::size_t begin, std::size_t end) {
      rms_prop(l.variable<float>(0), l.variable<float>(1), l.in<float>(2), unscale(l),
               *l.in<float>(3), op, begin, end);
    });
  };
}

Kernel adam_kernel(KernelContext& k) {
  return [op = k.op<Adam>(), n = k.in_elements(0), check = Check(k), parts = Parts(k),
          unscale = Unscale(k, 4)](const Launch& l) {
    if (!due(op.every, l)) return;
    check(l, l.in<float>(4), n);
    const double t = static_cast<double>((l.run.step + 1) / op.every), rate = *l.in<float>(5);
    const double correction =
        std::sqrt(1 - std::pow(double{op.beta2}, t)) / (1 - std::pow(double{op.beta1}, t));
    const AdamStep step = {static_cast<float>(rate * correction),
                           static_cast<float>(1 - rate * op.weight_decay), unscale(l)};
    float *w = l.variable<float>(0), *m = l.variable<float>(1), *v = l.variable<float>(2);
    parts(w, [&](std::size_t begin, std::size_t end) {
      if (op.amsgrad)
        amsgrad(w, m, v, l.variable<float>(3), l.in<float>(4), step, op, begin, end);
      else
        adam(w, m, v, l.in<float>(4), step, op, begin, end);
    });
  };
}

}  // namespace

KernelPair running_kernels() { return {running_kernel}; }
KernelPair sgd_kernels() { return {sgd_kernel}; }
KernelPair rms_prop_kernels() { return {rms_prop_kernel}; }
KernelPair adam_kernels() { return {adam_kernel}; }

}  // namespace mpsnn::cpu
