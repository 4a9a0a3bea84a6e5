#include "backend/reference/kernels.hpp"
#include "ops/log_sum_exp.hpp"

namespace mpsnn::reference {
namespace {

Kernel softmax(KernelContext& k) {
  const Shape& x = k.in(0);
  const Dim K = x[x.rank() - 1];
  return [K, size = k.in_elements(0)](const Launch& l) {
    for (Dim at = 0; at < size; at += K) {
      const double *row = l.in<double>(0) + at, shift = log_sum_exp(row, K);
      for (Dim i = 0; i < K; ++i) l.out<double>(0)[at + i] = std::exp(row[i] - shift);
    }
  };
}

// in: dy, y.  out: dx
Kernel softmax_gradient(KernelContext& k) {
  const Shape& y = k.in(1);
  const Dim K = y[y.rank() - 1];
  return [K, size = k.in_elements(1)](const Launch& l) {
    for (Dim at = 0; at < size; at += K) {
      const double *dy = l.in<double>(0) + at, *row = l.in<double>(1) + at;
      double dot = 0;
      for (Dim i = 0; i < K; ++i) dot += dy[i] * row[i];
      for (Dim i = 0; i < K; ++i) l.out<double>(0)[at + i] = row[i] * (dy[i] - dot);
    }
  };
}

Kernel log_softmax(KernelContext& k) {
  const Shape& x = k.in(0);
  const Dim K = x[x.rank() - 1];
  return [K, size = k.in_elements(0)](const Launch& l) {
    for (Dim at = 0; at < size; at += K) {
      const double *row = l.in<double>(0) + at, shift = log_sum_exp(row, K);
      for (Dim i = 0; i < K; ++i) l.out<double>(0)[at + i] = row[i] - shift;
    }
  };
}

// in: dy, y.  out: dx
Kernel log_softmax_gradient(KernelContext& k) {
  const Shape& y = k.in(1);
  const Dim K = y[y.rank() - 1];
  return [K, size = k.in_elements(1)](const Launch& l) {
    for (Dim at = 0; at < size; at += K) {
      const double *dy = l.in<double>(0) + at, *row = l.in<double>(1) + at;
      double sum = 0;
      for (Dim i = 0; i < K; ++i) sum += dy[i];
      for (Dim i = 0; i < K; ++i) l.out<double>(0)[at + i] = dy[i] - std::exp(row[i]) * sum;
    }
  };
}

}  // namespace

KernelPair softmax_kernels() { return {softmax, softmax_gradient}; }

KernelPair log_softmax_kernels() { return {log_softmax, log_softmax_gradient}; }

}  // namespace mpsnn::reference
