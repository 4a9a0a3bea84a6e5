#pragma once

#include "mpsnn/ops.hpp"

namespace mpsnn {

/// A MatMul as `count` products of matrices (m, k) (k, n), in row-major order of y.
struct Products {
  Dim m, k, n, each, count;

  Products(const MatMul& op, const TensorDesc& a, const TensorDesc& b, Dim images);

  /// Which matrix of a and of b product `i` reads.
  Dim of_a(Dim i) const { return i / a_repeat % a_cycle; }
  Dim of_b(Dim i) const { return i / b_repeat % b_cycle; }
  bool shares_b() const { return b_cycle == 1; }

 private:
  Dim a_cycle, b_cycle, a_repeat, b_repeat;
};

}  // namespace mpsnn
