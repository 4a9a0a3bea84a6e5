#include "backend/reference/kernels.hpp"
#include "ops/philox.hpp"

// An output may be the same memory as an input: element i reads only elements i.
namespace mpsnn::reference {
namespace {

Kernel relu(KernelContext& k) {
  return [size = k.in_elements(0)](const Launch& l) {
    for (Dim i = 0; i < size; ++i) l.out<double>(0)[i] = activate(Neuron{}, l.in<double>(0)[i]);
  };
}

// in: dy, y.  out: dx
Kernel relu_gradient(KernelContext& k) {
  return [size = k.in_elements(1)](const Launch& l) {
    for (Dim i = 0; i < size; ++i)
      l.out<double>(0)[i] = l.in<double>(1)[i] > 0 ? l.in<double>(0)[i] : 0.0;
  };
}

/// Of an element that is kept, or of its gradient.
double dropout_scale(const KernelContext& k) { return 1 / (1 - double{k.op<Dropout>().rate}); }

Kernel dropout(KernelContext& k) {
  const DropoutMask generator(k.op<Dropout>().rate, k.op<Dropout>().key);
  return [generator, scale = dropout_scale(k), size = k.in_elements(0),
          keep_mask = k.has_out(1)](const Launch& l) {
    std::array<std::uint32_t, 4> words{};
    for (Dim i = 0; i < size; ++i) {
      if (i % 4 == 0) words = generator.words(i / 4, l.run.step, l.run.seed);
      const bool kept = words[i % 4] >= generator.threshold;
      l.out<double>(0)[i] = kept ? l.in<double>(0)[i] * scale : 0.0;
      if (keep_mask) l.out<std::uint8_t>(1)[i] = kept;
    }
  };
}

// in: dy, mask.  out: dx
Kernel dropout_gradient(KernelContext& k) {
  return [scale = dropout_scale(k), size = k.in_elements(1)](const Launch& l) {
    for (Dim i = 0; i < size; ++i)
      l.out<double>(0)[i] = l.in<std::uint8_t>(1)[i] ? l.in<double>(0)[i] * scale : 0.0;
  };
}

}  // namespace

KernelPair neuron_kernels() { return {relu, relu_gradient}; }

KernelPair dropout_kernels() { return {dropout, dropout_gradient}; }

}  // namespace mpsnn::reference
