#pragma once

#include <array>
#include <optional>
#include <ostream>

#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// y = f(x), elementwise; the name of the op is that of its kind.
///   linear        a x + b
///   relu          x >= 0 ? x : a x        gradient at 0: a, as PyTorch; MPS gives 1
///   relu_n        min(x >= 0 ? x : a x, b)            gradient 0 where y = b
///   sigmoid       1 / (1 + exp(-x))
///   hard_sigmoid  clamp(a x + b, 0, 1)
///   tanh          a tanh(b x)
///   abs           |x|                                 gradient 0 at 0
///   softplus      a log(1 + exp(b x))
///   softsign      x / (1 + |x|)
///   elu           x >= 0 ? x : a (exp(x) - 1)
///   power         (a x + b)^c
///   exponential   c^(a x + b), c = -1 means e
///   logarithm     log_c(a x + b), c = -1 means e
///   gelu          x / 2 (1 + erf(x / sqrt 2))
///   silu          x / (1 + exp(-x))
///   clamp         min(max(x, a), b)                   gradient 0 outside and at a, b
struct Neuron {
  // clang-format off
  enum class Kind : std::uint8_t {
    linear, relu, relu_n, sigmoid, hard_sigmoid, tanh, abs, softplus, softsign, elu, power,
    exponential, logarithm, gelu, silu, clamp,
  };
  // clang-format on
  static constexpr int kinds = 16;

  Kind kind = Kind::relu;
  float a = 0;
  float b = 0;
  float c = 0;

  friend bool operator==(const Neuron&, const Neuron&) = default;
  const OpSpec& spec() const;
};

/// A neuron fused into the op before it; set by the fuse pass.
using Activation = std::optional<Neuron>;

/// y = x >= 0 ? x : slope x, with one trainable slope per channel.
///   x (..., C), slope (C,)  ->  y (..., C)
struct PRelu {
  static const OpSpec& spec();
};

/// y = exp(x) / sum exp(x) over the last axis.
struct Softmax {
  static const OpSpec& spec();
};

/// y = x - log sum exp(x) over the last axis.
struct LogSoftmax {
  static const OpSpec& spec();
};

/// y = x * mask / (1 - rate), mask ~ Bernoulli(1 - rate).
///   x (...)  ->  y (...), mask uint8 of the shape of x, with 1 where a stride is 0
/// The mask is Philox keyed by the session's seed, `key` and the step. A stride of 0
/// gives all positions of that axis one draw: (0, 0, 1) drops whole channels of an image.
struct Dropout {
  float rate = 0.5f;
  std::uint32_t key = 0;
  std::array<int, Shape::max_rank> strides{1, 1, 1, 1};  ///< The last entries are those of x.
  static const OpSpec& spec();
};

using NeuronOps = OpList<Neuron, PRelu, Softmax, LogSoftmax, Dropout>;

}  // namespace mpsnn
