#pragma once

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// Where a gradient starts: 1 / N for each of the batch's N real images, 0 for padding; or 1
/// where the loss has no batch axis. `shape` is always ().
///   y (), batched or not
struct InitialGradient {
  bool batched = true;
  static const OpSpec& spec();
};

/// -weights * sum_k t[k] log softmax(x)[k], t = labels * (1 - s) + s / K.
///   x (K,), labels (K,), weights ()  ->  loss (), probabilities (K,)
/// Gradient: weights * (softmax(x) * sum(t) - t) * dy.
struct SoftmaxCrossEntropy {
  float label_smoothing = 0;
  static const OpSpec& spec();
};

using LossOps = OpList<InitialGradient, SoftmaxCrossEntropy>;

}  // namespace mpsnn
