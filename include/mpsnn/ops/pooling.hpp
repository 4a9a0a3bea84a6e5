#pragma once

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// Largest value of each window; the first in row-major order where several are.
///   x (H, W, C)  ->  y (H', W', C), argmax (H', W', C): position in the window, i * K.w + j;
///   with Edge::zero, K.h * K.w where the outside won
struct MaxPool2d {
  Size2 kernel{};
  Size2 stride{};
  Size2 dilation{};
  Padding padding{};
  Edge edge = Edge::clamp;
  static const OpSpec& spec();
};

/// Mean of each window: of the pixels inside the image (Edge::clamp), or of all
/// K.h * K.w positions with zeros outside (Edge::zero).  x (H, W, C)  ->  y (H', W', C)
struct AvgPool2d {
  Size2 kernel{};
  Size2 stride{};
  Padding padding{};
  Edge edge = Edge::clamp;
  static const OpSpec& spec();
};

/// sqrt(sum of squares) of each window, zeros outside; its gradient is 0 where y is 0.
///   x (H, W, C)  ->  y (H', W', C)
struct L2Pool2d {
  Size2 kernel{};
  Size2 stride{};
  Padding padding{};
  static const OpSpec& spec();
};

using PoolingOps = OpList<MaxPool2d, AvgPool2d, L2Pool2d>;

}  // namespace mpsnn
