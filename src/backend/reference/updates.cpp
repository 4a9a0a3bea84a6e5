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

// in: statistic, value
Kernel running(KernelContext& k) {
  return [keep = double{k.op<Running>().keep}, size = k.in_elements(0)](const Launch& l) {
    auto* statistic = l.variable<double>(0);
    for (Dim i = 0; i < size; ++i)
      statistic[i] = keep * statistic[i] + (1 - keep) * l.in<double>(1)[i];
  };
}

// in: parameter, momentum, gradient, learning_rate
Kernel sgd(KernelContext& k) {
  const auto& op = k.op<Sgd>();
  return [momentum = double{op.momentum}, nesterov = op.nesterov, size = k.in_elements(0),
          check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *m = l.variable<double>(1);
    const auto* g = l.in<double>(2);
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
  return [decay = double{op.decay}, epsilon = double{op.epsilon}, size = k.in_elements(0),
          check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *s = l.variable<double>(1);
    const auto* g = l.in<double>(2);
    check(l, g, size);
    const double rate = *l.in<double>(3);
    for (Dim i = 0; i < size; ++i) {
      s[i] = decay * s[i] + (1 - decay) * g[i] * g[i];
      w[i] -= rate * g[i] / (std::sqrt(s[i]) + epsilon);
    }
  };
}

// in: parameter, first_moment, second_moment, gradient, learning_rate
Kernel adam(KernelContext& k) {
  const auto& op = k.op<Adam>();
  return [beta1 = double{op.beta1}, beta2 = double{op.beta2}, epsilon = double{op.epsilon},
          size = k.in_elements(0), check = Check{k.node.label}](const Launch& l) {
    auto *w = l.variable<double>(0), *m = l.variable<double>(1), *v = l.variable<double>(2);
    const auto* g = l.in<double>(3);
    check(l, g, size);
    const auto t = static_cast<double>(l.run.step + 1);
    const double rate =
        *l.in<double>(4) * std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
    for (Dim i = 0; i < size; ++i) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
    }
  };
}

}  // namespace

KernelPair running_kernels() { return {running}; }

KernelPair sgd_kernels() { return {sgd}; }

KernelPair rms_prop_kernels() { return {rms_prop}; }

KernelPair adam_kernels() { return {adam}; }

}  // namespace mpsnn::reference
