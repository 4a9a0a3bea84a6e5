#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

Kernel forward(KernelContext& k) {
  const Dim O = k.in(1)[0], I = k.in(1)[1];
  return [O, I, neuron = k.op<Dense>().activation, N = k.batch](const Launch& l) {
    const auto *weight = l.in<double>(1), *bias = l.in<double>(2);
    for (Dim n = 0; n < N; ++n) {
      const double* x = l.in<double>(0) + n * I;
      for (Dim o = 0; o < O; ++o) {
        double sum = bias ? bias[o] : 0;
        for (Dim i = 0; i < I; ++i) sum += x[i] * weight[o * I + i];
        l.out<double>(0)[n * O + o] = activate(neuron, sum);
      }
    }
  };
}

// in: dy, x, weight.  out: dx, dweight, dbias
Kernel gradient(KernelContext& k) {
  require_no_neuron(k, k.op<Dense>().activation);
  return [O = k.in(2)[0], I = k.in(2)[1], N = k.batch](const Launch& l) {
    double *dx = wanted(l, 0), *dweight = wanted(l, 1), *dbias = wanted(l, 2);
    clear(dx, N * I);
    clear(dweight, O * I);
    clear(dbias, O);
    const auto *x = l.in<double>(1), *weight = l.in<double>(2);
    for (Dim n = 0; n < N; ++n)
      for (Dim o = 0; o < O; ++o) {
        const double dy = l.in<double>(0)[n * O + o];
        if (dbias) dbias[o] += dy;
        for (Dim i = 0; i < I; ++i) {
          if (dx) dx[n * I + i] += dy * weight[o * I + i];
          if (dweight) dweight[o * I + i] += dy * x[n * I + i];
        }
      }
  };
}

}  // namespace

KernelPair dense_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
