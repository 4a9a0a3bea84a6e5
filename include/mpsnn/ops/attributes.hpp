#pragma once

#include <cstdint>

#include "mpsnn/shape.hpp"

/// What several ops have in common. Letters in shapes: N batch, H W C image, O output
/// channels, K kernel or classes.
namespace mpsnn {

struct OpSpec;  // src/ops/op_spec.hpp: name, inputs, shape rule, gradient rule

/// The ops of one family. `Op` is the variant of all families.
template <class... T>
struct OpList {};

struct Size2 {
  int h = 1;
  int w = 1;

  friend bool operator==(const Size2&, const Size2&) = default;
};

/// Zeros around an image. `same` gives H' = ceil(H / stride) with the odd row or
/// column at the bottom or right, as TensorFlow; `valid` has none, and starts at
/// the top left; `fixed` takes the four extents.
struct Padding {
  enum class Mode : std::uint8_t { same, valid, fixed };

  Mode mode = Mode::same;
  int top = 0;
  int bottom = 0;
  int left = 0;
  int right = 0;

  friend bool operator==(const Padding&, const Padding&) = default;
};

/// What a pooling window that leaves the image sees there: `clamp` nothing (the
/// window is confined to the image), `zero` zeros that count.
enum class Edge : std::uint8_t { clamp, zero };

/// How a convolution adds up its products. `single`: in float32 (float64 on the
/// reference). `half`: a chain of acc <- half(acc + half(x) * half(weight)) in the order
/// of the weight's memory (K.h, K.w, C), from acc = 0, rounding to nearest even as IEEE
/// float16, infinity included; then bias is added in single. Forward only: the gradient
/// is that of the exact convolution.
enum class Accumulator : std::uint8_t { single, half };

}  // namespace mpsnn
