#pragma once

#include <array>
#include <vector>

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// One number per axis, the first `rank` of which count.
using PerAxis = std::array<int, Shape::max_rank>;

/// The same values under another shape; costs nothing.
struct Reshape {
  Shape shape;
  static const OpSpec& spec();
};

/// Inputs side by side along `axis`, counted without the batch axis.
struct Concat {
  int axis = -1;
  std::vector<Dim> extents = {};  ///< Of the inputs along `axis`, in a gradient node.
  static const OpSpec& spec();
};

/// y[i] = x[start + i * step] on every axis, ceil((stop - start) / step) long; its gradient is
/// 0 elsewhere. 0 <= start < stop <= extent, step >= 1.
struct Slice {
  PerAxis start{};
  PerAxis stop{};
  PerAxis step{1, 1, 1, 1};
  static const OpSpec& spec();
};

/// x with `before` and `after` more elements on each axis: `value` (constant), the nearest
/// element (clamp), or x reflected at its edge without (mirror, at most extent - 1) or with
/// (mirror_with_edge, at most extent) the edge itself.
struct Pad {
  enum class Mode : std::uint8_t { constant, clamp, mirror, mirror_with_edge };

  PerAxis before{};
  PerAxis after{};
  Mode mode = Mode::constant;
  float value = 0;
  static const OpSpec& spec();
};

/// Axis i of y is axis order[i] of x.
struct Transpose {
  PerAxis order{0, 1, 2, 3};
  static const OpSpec& spec();
};

/// y = x, and no gradient passes.
struct StopGradient {
  static const OpSpec& spec();
};

/// y = x in numbers of another type, each the nearest one, ties to even. Backends put it where
/// kernels of different precisions meet.
struct Cast {
  DType dtype = DType::float32;
  static const OpSpec& spec();
};

using LayoutOps = OpList<Reshape, Concat, Slice, Pad, Transpose, StopGradient, Cast>;

}  // namespace mpsnn
