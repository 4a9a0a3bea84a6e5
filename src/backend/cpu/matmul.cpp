#include "backend/cpu/gemm.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/matmul_kernels.hpp"

namespace mpsnn::cpu {
namespace {

constexpr auto multiply = [](const matmul::Product<float>& p) {
  gemm(p.m, p.n, p.k, {p.a, p.transpose_a ? p.m : p.k, p.transpose_a},
       {p.b, p.transpose_b ? p.k : p.n, p.transpose_b}, p.beta, p.c, p.n, p.alpha);
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
