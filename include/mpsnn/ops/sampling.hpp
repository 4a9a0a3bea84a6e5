#pragma once

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// An image of another size.  x (H, W, C)  ->  y (size.h, size.w, C)
/// Pixel i of y reads x at
///   asymmetric     i * H / H'                        MPS with alignCorners off, TensorFlow 1
///   align_corners  i * (H - 1) / (H' - 1), 0 if H' = 1
///   half_pixel     (i + 1/2) * H / H' - 1/2          PyTorch and Keras; clamped to the image
/// `nearest` takes the pixel at the floor of that (half_pixel: of the position + 1/2);
/// `bilinear` weighs the four around it, those outside read as the edge.
struct Resize {
  enum class Mode : std::uint8_t { nearest, bilinear };
  enum class Coordinates : std::uint8_t { asymmetric, align_corners, half_pixel };

  Size2 size{};
  Mode mode = Mode::nearest;
  Coordinates coordinates = Coordinates::asymmetric;
  static const OpSpec& spec();
};

/// Regions of an image, each resized bilinearly.
///   x (H, W, C), boxes (R, 4)  ->  y (R, size.h, size.w, C)
/// A box is (top, left, bottom, right) in fractions of the image; pixel i of a region reads x
/// at top * (H - 1) + i * (bottom - top) * (H - 1) / (size.h - 1), or at the middle of the box
/// if size.h = 1, as TensorFlow; outside the image is 0. Differentiable in x and in boxes.
struct CropAndResize {
  Size2 size{};
  static const OpSpec& spec();
};

/// y[h, w] = x at the position grid[h, w] = (horizontal, vertical), each from -1 to 1, bilinear.
///   x (H, W, C), grid (H', W', 2)  ->  y (H', W', C)
/// -1 and 1 are the centres of the edge pixels with align_corners, else their outer sides.
/// Outside the image: 0 (Edge::zero), or the edge (Edge::clamp; no gradient to the grid there).
/// Differentiable in x and in grid. Jaderberg et al. 2015.
struct GridSample {
  Edge edge = Edge::zero;
  bool align_corners = false;
  static const OpSpec& spec();
};

using SamplingOps = OpList<Resize, CropAndResize, GridSample>;

}  // namespace mpsnn
