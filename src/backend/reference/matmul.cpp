#include "backend/matmul_kernels.hpp"
#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

constexpr auto multiply = [](const matmul::Product<double>& p) {
  for (Dim i = 0; i < p.m; ++i)
    for (Dim j = 0; j < p.n; ++j) {
      double sum = 0;
      for (Dim q = 0; q < p.k; ++q)
        sum += (p.transpose_a ? p.a[q * p.m + i] : p.a[i * p.k + q]) *
               (p.transpose_b ? p.b[j * p.k + q] : p.b[q * p.n + j]);
      double& c = p.c[i * p.n + j];
      c = p.alpha * sum + (p.beta == 0 ? 0 : p.beta * c);
    }
};

}  // namespace

KernelPair matmul_kernels() {
  return {[](KernelContext& k) { return matmul::forward<double>(k, multiply); },
          [](KernelContext& k) { return matmul::gradient<double>(k, multiply); }};
}

KernelPair gram_matrix_kernels() {
  return {[](KernelContext& k) { return matmul::gram<double>(k, multiply); },
          [](KernelContext& k) { return matmul::gram_gradient<double>(k, multiply); }};
}

}  // namespace mpsnn::reference
