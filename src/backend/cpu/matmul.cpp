#include "backend/cpu/kernels.hpp"
#include "backend/matmul_kernels.hpp"
#include "oneapi/dnnl/dnnl.h"

namespace mpsnn::cpu {
namespace {

constexpr auto multiply = [](const matmul::Product<float>& p) {
  const dnnl_status_t status =
      dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.m, p.n, p.k, p.alpha, p.a,
                 p.transpose_a ? p.m : p.k, p.b, p.transpose_b ? p.k : p.n, p.beta, p.c, p.n);
  if (status != dnnl_success)
    throw DeviceError(str("oneDNN: sgemm failed with status ", static_cast<int>(status)));
};

}  // namespace

KernelPair matmul_kernels() {
  return {[](KernelContext& k) { return matmul::forward<float>(k, multiply); },
          [](KernelContext& k) { return matmul::gradient<float>(k, multiply); }};
}

KernelPair gram_matrix_kernels() {
  return {[](KernelContext& k) { return matmul::gram<float>(k, multiply); },
          [](KernelContext& k) { return matmul::gram_gradient<float>(k, multiply); }};
}

}  // namespace mpsnn::cpu
