#pragma once

#include <limits>

#include "mpsnn/ops/neurons.hpp"

namespace mpsnn {

/// y = a + b, of one shape. Its gradient is dy itself; Arithmetic does the general case.
struct Add {
  Activation activation{};
  static const OpSpec& spec();
};

/// y = clamp((primary_scale * a) o (secondary_scale * b) + bias, low, high), elementwise; the
/// name of the op is that of its kind. Axes are aligned at the last; an axis of 1, or one
/// that is missing, is repeated (MPS: stride 0). One side may have no batch axis: all images
/// then read the same, and its gradient is their sum.
/// Comparisons give 1 or 0, take no scales, bias or clamp, and stop gradients.
/// minimum and maximum hand the gradient to a where both are equal. Gradient 0 where clamped.
struct Arithmetic {
  // clang-format off
  enum class Kind : std::uint8_t {
    add, subtract, multiply, divide, minimum, maximum,
    equal, not_equal, less, less_equal, greater, greater_equal,
  };
  // clang-format on
  static constexpr int kinds = 12;

  Kind kind = Kind::add;
  float primary_scale = 1;
  float secondary_scale = 1;
  float bias = 0;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  const OpSpec& spec() const;
};

/// Product of the matrices in the last two axes.
///   a (..., M, K), b (..., K, O)  ->  y (..., M, O);  transposed sides have them the other way
/// The axes before are equal, or missing on one side; one side may have no batch axis.
struct MatMul {
  bool transpose_a = false;
  bool transpose_b = false;
  static const OpSpec& spec();
};

/// y[c, d] = alpha * sum_{h, w} x[h, w, c] x[h, w, d].  x (H, W, C)  ->  y (C, C)
/// Gatys et al. 2016.
struct GramMatrix {
  float alpha = 1;
  static const OpSpec& spec();
};

using ArithmeticOps = OpList<Add, Arithmetic, MatMul, GramMatrix>;

}  // namespace mpsnn
