#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// Where a gradient starts: 1 / N for each of the batch's N real images, 0 for padding; or 1
/// where the loss has no batch axis. `shape` is always ().
///   y (), batched or not
struct InitialGradient {
  bool batched = true;
  static const OpSpec& spec();
};

/// What a loss makes of its elements.
enum class Reduction : std::uint8_t {
  none,                    ///< Nothing: the loss has the shape of x.
  sum,                     ///< Over one image.
  mean,                    ///< sum / elements; softmax_cross_entropy: / pixels.
  sum_by_nonzero_weights,  ///< sum / how many weights are not 0.
};
inline constexpr int reductions = 4;

/// A loss of x and t = labels, both of any one shape; the name of the op is that of its kind.
///   x (...), labels (...), weights () or (...), optional  ->  loss (), or (...) without reduction
/// Every element, times `weight` and its weight, then the reduction over the image:
///   mean_absolute_error        |x - t|                              gradient 0 at 0
///   mean_squared_error         (x - t)^2
///   softmax_cross_entropy      -t log softmax(x), over the last axis
///   sigmoid_cross_entropy      max(x, 0) - x t + log(1 + exp(-|x|))
///   categorical_cross_entropy  -t log max(x, epsilon)
///   hinge_loss                 max(1 - (2 t - 1) x, 0)
///   huber_loss                 d = |x - t|;  d <= delta ? d^2 / 2 : delta (d - delta / 2)
///   cosine_distance            1 - sum x t of the image; only with Reduction::sum
///   log_loss                   -t log(x + epsilon) - (1 - t) log(1 - x + epsilon)
///   kl_divergence              t (log t - x); 0 where t is 0
/// Smoothing s makes of t: t (1 - s) + s / K (softmax), t (1 - s) + s / 2 (sigmoid).
/// `strict_mps`: the gradient is not divided by what the reduction divides by, and that of
/// softmax_cross_entropy is softmax(x) - t instead of softmax(x) sum(t) - t.
struct Loss {
  // clang-format off
  enum class Kind : std::uint8_t {
    mean_absolute_error, mean_squared_error, softmax_cross_entropy, sigmoid_cross_entropy,
    categorical_cross_entropy, hinge_loss, huber_loss, cosine_distance, log_loss, kl_divergence,
  };
  // clang-format on
  static constexpr int kinds = 10;

  Kind kind = Kind::softmax_cross_entropy;
  Reduction reduction = Reduction::mean;
  float weight = 1;
  float label_smoothing = 0;
  float delta = 1;
  float epsilon = 1e-7f;
  bool strict_mps = false;
  const OpSpec& spec() const;
};

/// The loss of YOLO v2 (https://arxiv.org/abs/1612.08242). x and labels hold, for each of the
/// A anchors of each cell, x, y, w, h, confidence and K classes; labels are ones where
/// confidence >= 1/2. docs/ops/losses.md has the rule that matches predictions and labels.
///   x (H, W, A (5 + K)), labels (H, W, A (5 + K)), weights () or as x, optional
///     ->  loss (), or as x without reduction
struct YoloLoss {
  using Kind = Loss::Kind;

  std::vector<std::array<float, 2>> anchors = {{1, 1}};  ///< Width and height, in cells.
  Kind xy = Kind::mean_squared_error;
  Kind wh = Kind::huber_loss;
  Kind confidence = Kind::sigmoid_cross_entropy;
  Kind classes = Kind::softmax_cross_entropy;
  float scale_xy = 10, scale_wh = 10, scale_no_object = 5, scale_object = 100, scale_class = 2;
  float min_iou = 0.7f;  ///< Above it an unlabelled box holds an object.
  float max_iou = 0.3f;  ///< Below it, none.
  bool rescore = true;   ///< The confidence to learn is the IOU, not 1.
  Reduction reduction = Reduction::sum;
  float weight = 1;
  float delta = 1;
  float epsilon = 1e-7f;
  static const OpSpec& spec();
};

using LossOps = OpList<InitialGradient, Loss, YoloLoss>;

}  // namespace mpsnn
