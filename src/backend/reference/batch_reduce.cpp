#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

double factor(const BatchReduce& op, const Launch& l) {
  return op.kind == BatchReduce::Kind::batch_mean ? 1.0 / l.run.images : 1.0;
}

// in: x.  out: y
Kernel forward(KernelContext& k) {
  return [op = k.op<BatchReduce>(), size = k.in(0).size()](const Launch& l) {
    for (Dim i = 0; i < size; ++i) {
      double sum = 0;
      for (Dim n = 0; n < l.run.images; ++n) sum += l.in<double>(0)[n * size + i];
      l.out<double>(0)[i] = sum * factor(op, l);
    }
  };
}

// in: dy.  out: dx
Kernel gradient(KernelContext& k) {
  return [op = k.op<BatchReduce>(), size = k.in(0).size(), N = k.batch](const Launch& l) {
    for (Dim i = 0; i < N * size; ++i) {
      const bool real = i / size < l.run.images;
      l.out<double>(0)[i] = real ? l.in<double>(0)[i % size] * factor(op, l) : 0.0;
    }
  };
}

}  // namespace

KernelPair batch_reduce_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
