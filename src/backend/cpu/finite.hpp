#pragma once

#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// A relu hides a NaN from the loss, but not from the gradient of the weights. The
/// gradient was just written, so that reading it once more costs little.
class Check {
 public:
  explicit Check(const KernelContext& k);
  /// @throws gradient_error if the run asks for it and one of the `n` is not finite.
  void operator()(const Launch& l, const float* gradient, std::size_t n) const;

 private:
  std::string parameter_;
  bool checked_;  ///< A check_gradients node has seen it.
};

/// Copies n numbers, on one thread. Returns whether all are finite.
bool copy_finite(const float* from, std::size_t n, float* to);

/// What a gradient, an input of the node, is multiplied by as it is read.
class Unscale {
 public:
  Unscale(const KernelContext& k, int input) : scaled_(k.is_scaled(input)) {}
  float operator()(const Launch& l) const { return scaled_ ? 1 / l.run.scale : 1; }

 private:
  bool scaled_;
};

}  // namespace mpsnn::cpu
