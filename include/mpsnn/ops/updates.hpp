#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "mpsnn/data_source.hpp"
#include "mpsnn/ops/attributes.hpp"

/// Updates write their first inputs in place; what prepares gradients for them.
namespace mpsnn {

/// statistic <- keep * statistic + (1 - keep) * value. With `unbiased_pixels` P, value is
/// multiplied by n / (n - 1) first, n = P * real images, unless n is 1.
struct Running {
  float keep = 0.9f;
  Dim unbiased_pixels = 0;
  static const OpSpec& spec();
};

/// What is done to a gradient before an optimizer sees it, in MPS's order:
///   y = clip(scale * gradient, clip_min, clip_max) * rescale + l2 * w + l1 * sign(w)
///   gradient, parameter (...), scale ()?  ->  y (...)
struct PrepareGradient {
  float clip_min = -std::numeric_limits<float>::infinity();
  float clip_max = std::numeric_limits<float>::infinity();
  float rescale = 1;
  float l1 = 0;
  float l2 = 0;

  friend bool operator==(const PrepareGradient&, const PrepareGradient&) = default;
  static const OpSpec& spec();
};

/// min(1, max_norm / norm), norm the square root of the sum of all squares of all inputs; 1
/// where it is 0. Pascanu et al. 2013.  x... (any)  ->  scale ()
struct ClipScale {
  float max_norm = 1;
  static const OpSpec& spec();
};

/// The mean gradient over `every` steps: sum <- gradient / every at the first of them, else
/// sum <- sum + gradient / every.  sum (written), gradient (...)  ->  y = sum (...)
struct Accumulate {
  int every = 1;
  static const OpSpec& spec();
};

/// Fails unless all of its inputs, which have the scale of the loss, are finite; a backend puts it
/// before the first update, where a step that overflows is to be skipped: see LossScale.
///   gradient... (any)  ->  nothing
struct CheckGradients {
  std::vector<std::string> parameters;  ///< What the inputs are gradients of, for the message.
  static const OpSpec& spec();
};

// The rules run in the last of `every` steps alone; t counts those.

/// w <- w - rate * g;  with momentum  m <- momentum * m + rate * g, w <- w - m;
/// Nesterov  m <- momentum * m + g, w <- w - rate * (g + momentum * m).
struct Sgd {
  float momentum = 0;
  bool nesterov = false;
  int every = 1;
  static const OpSpec& spec();
};

/// s <- decay * s + (1 - decay) g^2;  w <- w - rate * g / (sqrt(s) + epsilon).
struct RmsProp {
  float decay = 0.9f;
  float epsilon = 1e-8f;
  int every = 1;
  static const OpSpec& spec();
};

/// m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
/// w <- w - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon), t from 1.
/// Kingma & Ba 2015, with the epsilon of their section 2's last lines, as MPS.
/// With `amsgrad`, sqrt(maximum) instead of sqrt(v), maximum <- max(maximum, v); Reddi et al.
/// 2018. With `weight_decay`, first w <- w * (1 - rate * weight_decay), as AdamW of Loshchilov &
/// Hutter 2019.
struct Adam {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0;
  bool amsgrad = false;
  int every = 1;
  static const OpSpec& spec();
};

/// Calls DataSource::update of `source` on the host.  parameters..., gradients...
struct HostUpdate {
  std::shared_ptr<DataSource> source;
  std::vector<SourceTensor> tensors;
  static const OpSpec& spec();
};

using UpdateOps = OpList<Running, PrepareGradient, ClipScale, Accumulate, CheckGradients, Sgd,
                         RmsProp, Adam, HostUpdate>;

}  // namespace mpsnn
