#pragma once

#include "mpsnn/ops/neurons.hpp"

namespace mpsnn {

/// 2-D cross-correlation.
///   x (H, W, C), weight (O, K.h, K.w, C / groups), bias (O,)  ->  y (H', W', O)
///   y[h, w, o] = bias[o] + sum_{i, j, c} x[h*s.h + i*d.h - p.h, w*s.w + j*d.w - p.w, c']
///                                        weight[o, i, j, c]
/// with c' = c + (o / (O / groups)) * (C / groups). With groups = C it is depthwise, of
/// O / C channels each.
struct Conv2d {
  Size2 stride{};
  Size2 dilation{};
  Padding padding{};
  int groups = 1;
  Accumulator accumulator = Accumulator::single;
  Activation activation{};
  static const OpSpec& spec();
};

/// The adjoint of a Conv2d in x, also called deconvolution.
///   x (H, W, C), weight (O, K.h, K.w, C / groups), bias (O,)  ->  y (H', W', O)
///   y[h*s.h + i*d.h - p.h, w*s.w + j*d.w - p.w, o] += x[h, w, c'] weight[o, i, j, c],
/// then bias; c' as in Conv2d.
/// `same` gives H' = H * stride, `valid` (H - 1) * stride + (K - 1) * dilation + 1; `fixed`
/// cuts its extents off that. `output_padding` adds rows at the bottom and columns at the right
/// (not with `same`); less than the stride or the dilation.
struct ConvTranspose2d {
  Size2 stride{};
  Size2 dilation{};
  Padding padding{};
  Size2 output_padding{0, 0};
  int groups = 1;
  Accumulator accumulator = Accumulator::single;
  Activation activation{};
  static const OpSpec& spec();
};

/// y = weight x + bias over all axes of x.
///   x (...), weight (O, size(x)), bias (O,)  ->  y (O,)
struct Dense {
  Activation activation{};
  static const OpSpec& spec();
};

using ConvolutionOps = OpList<Conv2d, ConvTranspose2d, Dense>;

}  // namespace mpsnn
