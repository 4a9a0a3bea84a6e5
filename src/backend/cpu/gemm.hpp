#pragma once

#include "mpsnn/errors.hpp"
#include "mpsnn/shape.hpp"
#include "oneapi/dnnl/dnnl.h"

namespace mpsnn::cpu {

/// A matrix of rows `stride` floats apart, or its transpose.
struct Matrix {
  const float* data;
  Dim stride;
  bool transposed = false;
};

/// c (m, n) = alpha a (m, k) b (k, n) + beta c; by one thread inside a parallel region.
/// @throws DeviceError if oneDNN fails.
inline void gemm(Dim m, Dim n, Dim k, const Matrix& a, const Matrix& b, float beta, float* c,
                 Dim c_stride, float alpha = 1) {
  const dnnl_status_t status =
      dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, alpha, a.data,
                 a.stride, b.data, b.stride, beta, c, c_stride);
  if (status != dnnl_success)
    throw DeviceError(str("oneDNN: sgemm failed with status ", static_cast<int>(status)));
}

}  // namespace mpsnn::cpu
