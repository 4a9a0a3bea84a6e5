#pragma once

#include "backend/cpu/bfloat16.hpp"
#include "backend/kernel_backend.hpp"
#include "ops/mask_bits.hpp"

namespace mpsnn::cpu {

/// A batch as rows of channels: one row per pixel of an image.
struct NormSizes {
  std::size_t channels, rows_per_image, batch, mask_row;
  float epsilon;
  bool relu;

  NormSizes(const KernelContext& k, const Shape& x)
      : channels(x[x.rank() - 1]),
        rows_per_image(x.size() / channels),
        batch(k.batch),
        mask_row(mask_bits::row_bytes(channels)),
        epsilon(k.op<BatchNorm>().epsilon),
        relu(k.op<BatchNorm>().activation.has_value()) {}
  std::size_t mask_bytes() const { return batch * rows_per_image * mask_row; }
};

/// T is float, BFloat16 or Float16.
template <class T>
struct NormForward {
  const T* x;
  const float *gamma, *beta;
  T* y;
  float *mean, *variance;
  std::uint8_t* mask;    ///< Null: not wanted.
  std::size_t mask_row;  ///< Bytes from one row of it to the next.
  std::size_t y_row;     ///< Elements from one row of y to the next.
  void* scratch;         ///< Of own_batch_norm_scratch bytes.
};

template <class T>
struct NormGradient {
  const T *dy, *x;
  const float *gamma, *mean, *variance;
  const std::uint8_t* mask;  ///< Null: no neuron.
  std::size_t mask_row;      ///< Bytes from one row of it to the next.
  T* dx;
  float *dgamma, *dbeta;
  std::size_t dy_row;  ///< Elements from one row of dy to the next.
  void* scratch;       ///< Of own_batch_norm_scratch bytes.
};

/// Bytes of scratch that each of the two below needs.
std::size_t own_batch_norm_scratch(const NormSizes& sizes);
/// Batch normalization by our own loops, for what oneDNN cannot do: statistics of the first
/// `images` of the batch only, and values that are parts of others. The mask is a bit per
/// element, 1 where y > 0; oneDNN's is in an order of its own, so that a run uses one of the two
/// for both directions.
template <class T>
void own_batch_norm(const NormSizes& sizes, const NormForward<T>& data, int images);
template <class T>
void own_batch_norm_gradient(const NormSizes& sizes, const NormGradient<T>& data, int images);

}  // namespace mpsnn::cpu
