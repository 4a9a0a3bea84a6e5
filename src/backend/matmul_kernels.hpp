#pragma once

#include <algorithm>
#include <vector>

#include "backend/kernel_backend.hpp"
#include "ops/matmul.hpp"

/// MatMul and GramMatrix on any backend that multiplies two matrices.
namespace mpsnn::matmul {

/// C (m, n) = op(A) op(B) + beta C, all row-major; a transposed A lies as (k, m).
template <class T>
struct Product {
  bool transpose_a, transpose_b;
  Dim m, n, k;
  const T *a, *b;
  T beta;
  T* c;
  T alpha = 1;
};

// in: a, b.  out: y
template <class T, class Gemm>
Kernel forward(KernelContext& k, Gemm gemm) {
  const auto op = k.op<MatMul>();
  const TensorDesc &a = k.graph.desc(k.node.inputs[0]), &b = k.graph.desc(k.node.inputs[1]);
  const Products p(op, a, b, k.batch);
  return [=](const Launch& l) {
    if (p.shares_b() && !op.transpose_a && p.of_a(p.count - 1) == p.count - 1)
      return gemm(Product<T>{false, op.transpose_b, p.count * p.m, p.n, p.k, l.in<T>(0), l.in<T>(1),
                             0, l.out<T>(0)});
    for (Dim i = 0; i < p.count; ++i)
      gemm(Product<T>{op.transpose_a, op.transpose_b, p.m, p.n, p.k,
                      l.in<T>(0) + p.of_a(i) * p.m * p.k, l.in<T>(1) + p.of_b(i) * p.k * p.n, 0,
                      l.out<T>(0) + i * p.m * p.n});
  };
}

// in: dy, a, b.  out: da, db
template <class T, class Gemm>
Kernel gradient(KernelContext& k, Gemm gemm) {
  const auto op = k.op<MatMul>();
  const TensorDesc &a = k.graph.desc(k.node.inputs[1]), &b = k.graph.desc(k.node.inputs[2]);
  const Products p(op, a, b, k.batch);
  const bool by_a = k.has_out(0), by_b = k.has_out(1);
  const Dim a_size = k.in_elements(1), b_size = k.in_elements(2);
  return [=](const Launch& l) {
    T *da = by_a ? l.out<T>(0) : nullptr, *db = by_b ? l.out<T>(1) : nullptr;
    if (da) std::fill_n(da, a_size, T{0});
    if (db) std::fill_n(db, b_size, T{0});
    for (Dim i = 0; i < p.count; ++i) {
      const Dim at_a = p.of_a(i) * p.m * p.k, at_b = p.of_b(i) * p.k * p.n;
      const T *dy = l.in<T>(0) + i * p.m * p.n, *x = l.in<T>(1) + at_a, *w = l.in<T>(2) + at_b;
      const bool ta = op.transpose_a, tb = op.transpose_b;
      if (da && !ta) gemm(Product<T>{false, !tb, p.m, p.k, p.n, dy, w, 1, da + at_a});
      if (da && ta) gemm(Product<T>{tb, true, p.k, p.m, p.n, w, dy, 1, da + at_a});
      if (db && !tb) gemm(Product<T>{!ta, false, p.k, p.n, p.m, x, dy, 1, db + at_b});
      if (db && tb) gemm(Product<T>{true, ta, p.n, p.k, p.m, dy, x, 1, db + at_b});
    }
  };
}

// in: x.  out: y
template <class T, class Gemm>
Kernel gram(KernelContext& k, Gemm gemm) {
  const Dim c = k.in(0)[2], pixels = k.in(0).size() / c, images = k.in_elements(0) / k.in(0).size();
  return [=, alpha = T{k.op<GramMatrix>().alpha}](const Launch& l) {
    for (Dim n = 0; n < images; ++n) {
      const T* x = l.in<T>(0) + n * pixels * c;
      gemm(Product<T>{true, false, c, c, pixels, x, x, 0, l.out<T>(0) + n * c * c, alpha});
    }
  };
}

// in: dy, x.  out: dx = alpha x (dy + dy^T)
template <class T, class Gemm>
Kernel gram_gradient(KernelContext& k, Gemm gemm) {
  const Dim c = k.in(1)[2], pixels = k.in(1).size() / c, images = k.in_elements(1) / k.in(1).size();
  return [=, alpha = T{k.op<GramMatrix>().alpha}](const Launch& l) {
    for (Dim n = 0; n < images; ++n) {
      const T *dy = l.in<T>(0) + n * c * c, *x = l.in<T>(1) + n * pixels * c;
      T* dx = l.out<T>(0) + n * pixels * c;
      gemm(Product<T>{false, false, pixels, c, c, x, dy, 0, dx, alpha});
      gemm(Product<T>{false, true, pixels, c, c, x, dy, 1, dx, alpha});
    }
  };
}

}  // namespace mpsnn::matmul
