#include "backend/reference/kernels.hpp"
#include "ops/neuron_terms.hpp"

// An output may be the same memory as an input: element i reads only elements i.
namespace mpsnn::reference {
namespace {

// in: x.  out: y
Kernel forward(KernelContext& k) {
  return neuron::with_term<double>(k.op<Neuron>(), [&](auto term) -> Kernel {
    return [term, size = k.in_elements(0)](const Launch& l) {
      for (Dim i = 0; i < size; ++i) l.out<double>(0)[i] = term.value(l.in<double>(0)[i]);
    };
  });
}

// in: dy, and x or y where the slope is not the same everywhere.  out: dx
Kernel gradient(KernelContext& k) {
  const int saved = static_cast<int>(k.node.inputs.size()) - 1;
  return neuron::with_term<double>(k.op<Neuron>(), [&](auto term) -> Kernel {
    return [term, saved, size = k.in_elements(0)](const Launch& l) {
      for (Dim i = 0; i < size; ++i) {
        const double slope = term.slope(l.in<double>(saved)[i]);
        l.out<double>(0)[i] = slope == 0 ? 0 : l.in<double>(0)[i] * slope;
      }
    };
  });
}

// in: x, slope.  out: y
Kernel prelu(KernelContext& k) {
  return [size = k.in_elements(0), C = k.in(1).size()](const Launch& l) {
    for (Dim i = 0; i < size; ++i) {
      const double x = l.in<double>(0)[i];
      l.out<double>(0)[i] = x < 0 ? l.in<double>(1)[i % C] * x : x;
    }
  };
}

// in: dy, x, slope.  out: dx, dslope
Kernel prelu_gradient(KernelContext& k) {
  return [size = k.in_elements(1), C = k.in(2).size()](const Launch& l) {
    double *dx = wanted(l, 0), *dslope = wanted(l, 1);
    clear(dslope, C);
    for (Dim i = 0; i < size; ++i) {
      const double dy = l.in<double>(0)[i], x = l.in<double>(1)[i];
      if (dx) dx[i] = x < 0 ? l.in<double>(2)[i % C] * dy : dy;
      if (dslope && x < 0) dslope[i % C] += x * dy;
    }
  };
}

}  // namespace

double activate(const Activation& activation, double x) { return neuron::activate(activation, x); }

KernelPair neuron_kernels() { return {forward, gradient}; }

KernelPair prelu_kernels() { return {prelu, prelu_gradient}; }

}  // namespace mpsnn::reference
