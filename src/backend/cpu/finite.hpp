#pragma once

#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// A relu hides a NaN from the loss, but not from the gradient of the weights. The
/// gradient was just written, so that reading it once more costs little.
class Check {
 public:
  explicit Check(const KernelContext& k) : parameter_(k.node.label) {}
  /// @throws gradient_error if the run asks for it and one of the `n` is not finite.
  void operator()(const Launch& l, const float* gradient, std::size_t n) const;

 private:
  std::string parameter_;
};

}  // namespace mpsnn::cpu
