#pragma once

#include "mpsnn/ops/neurons.hpp"

namespace mpsnn {

/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel (last axis).
///   x (..., C), gamma (C,), beta (C,), running_mean (C,), running_var (C,)
///     ->  y (..., C), mean (C,), variance (C,), and where a neuron is fused mask (..., bytes)
///     uint8,
/// a bit per channel.
/// `training` uses the statistics of the batch's real images (biased variance),
/// and returns them; otherwise the running ones, also in the gradient. `momentum_keep` and
/// `unbiased_running_var` are for Running.
struct BatchNorm {
  float epsilon = 1e-5f;
  float momentum_keep = 0.9f;
  bool training = true;
  bool unbiased_running_var = false;
  Activation activation{};
  const OpSpec& spec() const;
};

/// As BatchNorm, by the statistics of one image: over H, W and C / groups channels that
/// follow each other. groups = C is instance normalization.
///   x (..., C), gamma (C,)?, beta (C,)?  ->  y (..., C), mean (groups,), deviation (groups,),
/// deviation = sqrt(variance + epsilon), both batched.
struct GroupNorm {
  int groups = 1;
  float epsilon = 1e-5f;
  static const OpSpec& spec();
};

/// As BatchNorm, by the statistics of the last `axes` axes of each position.
///   x (..., D), gamma (D)?, beta (D)?  ->  y (..., D), mean (...), deviation (...)
/// where D are `axes` axes, and gamma and beta have all of them.
struct LayerNorm {
  int axes = 1;
  float epsilon = 1e-5f;
  static const OpSpec& spec();
};

/// y = x / (delta + alpha / size * sum x^2)^beta over `size` channels, of channel k those
/// from k - size / 2 to k + (size - 1) / 2 that exist. Krizhevsky et al. 2012.
struct CrossChannelNorm {
  int size = 5;
  float alpha = 1;
  float beta = 5;
  float delta = 1;
  static const OpSpec& spec();
};

/// The same over a window of pixels of one channel, centred as in cross_channel_norm:
/// y = x / (delta + alpha / (K.h * K.w) * sum x^2)^beta, zeros outside.
struct SpatialNorm {
  Size2 kernel{};
  float alpha = 1;
  float beta = 5;
  float delta = 1;
  static const OpSpec& spec();
};

/// y = pm + ps * (x - p0 * M) / (delta + alpha * V)^beta, with the mean M and the biased
/// variance V of a window of K.h * K.w pixels of one channel, centred on x, zeros outside
/// counted.
struct LocalContrastNorm {
  Size2 kernel{};
  float alpha = 1;
  float beta = 0.5f;
  float delta = 1.0f / 1024;
  float p0 = 1;
  float pm = 0;
  float ps = 1;
  static const OpSpec& spec();
};

/// What a convolution or dense layer in front of a BatchNorm with running statistics reads
/// instead of its own weights. With s = gamma / sqrt(variance + epsilon):
///   weight (O, ...), bias (O,)?, gamma, beta, mean, variance (O,)
///     ->  weight * s, (bias - mean) * s + beta
/// Made by the fold_batch_norm pass.
struct FoldBatchNorm {
  float epsilon = 1e-5f;
  static const OpSpec& spec();
};

using NormalizationOps = OpList<BatchNorm, FoldBatchNorm, GroupNorm, LayerNorm, CrossChannelNorm,
                                SpatialNorm, LocalContrastNorm>;

}  // namespace mpsnn
