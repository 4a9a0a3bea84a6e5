#include <algorithm>
#include <cmath>

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// See RunInfo::check.
struct Check {
  std::string parameter;

  void operator()(const Launch& l, const double* g, Dim size) const {
    if (l.run.check && !std::all_of(g, g + size, [](double x) { return std::isfinite(x); }))
      throw gradient_error(parameter);
  }
};

/// Whether a rule runs in this step: the last of every so many.
struct Due {
  int every;

  bool operator()(const Launch& l) const { return (l.run.step + 1) % every == 0; }
};

// in: statistic, value
Kernel running(KernelContext& k) {
  return [op = k.op<Running>(), keep = double{k.op<Running>().keep},
          size = k.in_elements(0)](const Launch& l) {
    auto* statistic = l.variable<double>(0);
    const auto n = static_cast<double>(op.unbiased_pixels * l.run.images);
    const double take = (1 - keep) * (n > 1 ? n / (n - 1) : 1);
    for (Dim i = 0; i < size; ++i) statistic[i] = keep * statistic[i] + take * l.in<double>(1)[i];
  };
}

// in: parameter, momentum, gradient, learning_rate
Kernel sgd(KernelContext& k) {
  const auto& op = k.op<Sgd>();
  return [due = Due{op.every}, momentum = double{op.momentum}, nesterov = op.nesterov,
          size = k.in_elements(0), check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *m = l.variable<double>(1);
    const auto* g = l.in<double>(2);
    if (!due(l)) return;
    check(l, g, size);
    const double rate = *l.in<double>(3);
    for (Dim i = 0; i < size; ++i) {
      if (!m) {
        w[i] -= rate * g[i];
      } else if (nesterov) {
        m[i] = momentum * m[i] + g[i];
        w[i] -= rate * (g[i] + momentum * m[i]);
      } else {
        m[i] = momentum * m[i] + rate * g[i];
        w[i] -= m[i];
      }
    }
  };
}

// in: parameter, square, gradient, learning_rate
Kernel rms_prop(KernelContext& k) {
  const auto& op = k.op<RmsProp>();
  return [due = Due{op.every}, decay = double{op.decay}, epsilon = double{op.epsilon},
          size = k.in_elements(0), check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *s = l.variable<double>(1);
    const auto* g = l.in<double>(2);
    if (!due(l)) return;
    check(l, g, size);
    const double rate = *l.in<double>(3);
    for (Dim i = 0; i < size; ++i) {
      s[i] = decay * s[i] + (1 - decay) * g[i] * g[i];
      w[i] -= rate * g[i] / (std::sqrt(s[i]) + epsilon);
    }
  };
}

// in: parameter, first_moment, second_moment, maximum, gradient, learning_rate
Kernel adam(KernelContext& k) {
  const auto& op = k.op<Adam>();
  return [due = Due{op.every}, weight_decay = double{op.weight_decay}, beta1 = double{op.beta1},
          beta2 = double{op.beta2}, epsilon = double{op.epsilon}, size = k.in_elements(0),
          check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *m = l.variable<double>(1), *v = l.variable<double>(2);
    auto* maximum = l.variable<double>(3);
    const auto* g = l.in<double>(4);
    if (!due(l)) return;
    check(l, g, size);
    const auto t = static_cast<double>((l.run.step + 1) / due.every);
    const double keep = 1 - *l.in<double>(5) * weight_decay;
    const double rate =
        *l.in<double>(5) * std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
    for (Dim i = 0; i < size; ++i) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      if (maximum) maximum[i] = std::max(maximum[i], v[i]);
      w[i] = w[i] * keep - rate * m[i] / (std::sqrt(maximum ? maximum[i] : v[i]) + epsilon);
    }
  };
}

// in: gradient, parameter, scale.  out: y
Kernel prepare_gradient(KernelContext& k) {
  return [op = k.op<PrepareGradient>(), size = k.in_elements(0)](const Launch& l) {
    const auto *g = l.in<double>(0), *w = l.in<double>(1), *scale = l.in<double>(2);
    for (Dim i = 0; i < size; ++i) {
      const double clipped =
          std::clamp<double>(scale ? *scale * g[i] : g[i], op.clip_min, op.clip_max);
      const double sign = (w[i] > 0) - (w[i] < 0);
      l.out<double>(0)[i] = clipped * op.rescale + op.l2 * w[i] + op.l1 * sign;
    }
  };
}

// in: any number of gradients.  out: scale
Kernel clip_scale(KernelContext& k) {
  std::vector<Dim> sizes;
  for (std::size_t i = 0; i < k.node.inputs.size(); ++i)
    sizes.push_back(k.in_elements(static_cast<int>(i)));
  return [sizes, max_norm = double{k.op<ClipScale>().max_norm}](const Launch& l) {
    double sum = 0;
    for (std::size_t x = 0; x < sizes.size(); ++x) {
      const auto* g = l.in<double>(static_cast<int>(x));
      for (Dim i = 0; i < sizes[x]; ++i) sum += g[i] * g[i];
    }
    *l.out<double>(0) = sum > 0 ? std::min(1.0, max_norm / std::sqrt(sum)) : 1.0;
  };
}

// in: sum, gradient.  out: y
Kernel accumulate(KernelContext& k) {
  return [every = k.op<Accumulate>().every, size = k.in_elements(0),
          check = Check{k.node.label}](const Launch& l) {
    auto *sum = l.variable<double>(0), *y = l.out<double>(0);
    check(l, l.in<double>(1), size);
    const bool first = l.run.step % every == 0;
    for (Dim i = 0; i < size; ++i) {
      sum[i] = (first ? 0 : sum[i]) + l.in<double>(1)[i] / every;
      if (y) y[i] = sum[i];
    }
  };
}

}  // namespace

KernelPair prepare_gradient_kernels() { return {prepare_gradient}; }

KernelPair clip_scale_kernels() { return {clip_scale}; }

KernelPair accumulate_kernels() { return {accumulate}; }

KernelPair running_kernels() { return {running}; }

KernelPair sgd_kernels() { return {sgd}; }

KernelPair rms_prop_kernels() { return {rms_prop}; }

KernelPair adam_kernels() { return {adam}; }

}  // namespace mpsnn::reference
