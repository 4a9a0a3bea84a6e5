#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "mpsnn/data_source.hpp"
#include "mpsnn/shape.hpp"

/// The vocabulary. An op is a plain struct of its attributes. Its shape and
/// gradient rules are its spec(), in src/ops; its kernels are in src/backend.
/// Letters in shapes: N batch, H W C image, O output channels, K kernel or classes.
namespace mpsnn {

struct OpSpec;  // src/ops/op_spec.hpp: name, inputs, shape rule, gradient rule

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

/// A neuron fused into the op before it; set by the fuse pass.
enum class Activation : std::uint8_t { none, relu };

/// What a pooling window that leaves the image sees there: `clamp` nothing (the
/// window is confined to the image), `zero` zeros that count.
enum class Edge : std::uint8_t { clamp, zero };

// ---- sources ----------------------------------------------------------------

/// Data bound at every run: y = x * scale + offset, computed on the device.
///   y (shape), batched, float32; the bound array has `dtype` (float32 or uint8)
struct Input {
  Shape shape;
  DType dtype = DType::float32;
  float scale = 1;
  float offset = 0;
  static const OpSpec& spec();
};

/// The ground truth, bound at every run as class indices, int32 (N,), or as
/// distributions, float32 (N, K); and a weight per image, by default 1.
///   labels (K,), weights (), batched
struct Labels {
  int classes = 0;
  static const OpSpec& spec();
};

/// One number bound at every run, such as a learning rate.  y (), not batched
struct Scalar {
  static const OpSpec& spec();
};

/// Values of a data source, kept on the device.  y (shape), not batched
struct Parameter {
  Shape shape;
  bool trainable = true;
  std::shared_ptr<DataSource> source;  ///< Null: bound later by Session::write; starts at 0.
  std::string tensor;                  ///< Which of the source's tensors this is, e.g. "weight".
  static const OpSpec& spec();
};

/// What an optimizer keeps between steps. Starts as a constant.  y (shape), not batched
struct State {
  Shape shape;
  float initial = 0;
  static const OpSpec& spec();
};

// ---- layers -----------------------------------------------------------------

/// 2-D cross-correlation.
///   x (H, W, C), weight (O, K.h, K.w, C / groups), bias (O,)  ->  y (H', W', O)
///   y[h, w, o] = bias[o] + sum_{i, j, c} x[h*s.h + i*d.h - p.h, w*s.w + j*d.w - p.w, c']
///                                        weight[o, i, j, c]
/// with c' = c + (o / (O / groups)) * (C / groups).
struct Conv2d {
  Size2 stride{};
  Size2 dilation{};
  Padding padding{};
  int groups = 1;
  Activation activation = Activation::none;
  static const OpSpec& spec();
};

/// y = weight x + bias over all axes of x.
///   x (...), weight (O, size(x)), bias (O,)  ->  y (O,)
struct Dense {
  Activation activation = Activation::none;
  static const OpSpec& spec();
};

/// Largest value of each window; the first in row-major order where several are.
///   x (H, W, C)  ->  y (H', W', C), argmax (H', W', C): position in the window, i * K.w + j;
///   with Edge::zero, K.h * K.w where the outside won
struct MaxPool2d {
  Size2 kernel{};
  Size2 stride{};
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

/// y = max(x, 0), elementwise; its gradient at 0 is 0, as in PyTorch; MPS gives 1.
struct Relu {
  static const OpSpec& spec();
};

/// y = x * mask / (1 - rate), mask ~ Bernoulli(1 - rate).
///   x (...)  ->  y (...), mask (...) uint8
/// The mask is Philox keyed by the session's seed, `key` and the step.
struct Dropout {
  float rate = 0.5f;
  std::uint32_t key = 0;
  static const OpSpec& spec();
};

/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel (last axis).
///   x (..., C), gamma (C,), beta (C,), running_mean (C,), running_var (C,)
///     ->  y (..., C), mean (C,), variance (C,), mask (..., C) uint8 where a neuron is fused
/// `training` uses the statistics of the batch's real images (biased variance),
/// and returns them; otherwise the running ones. `momentum_keep` is for Running.
struct BatchNorm {
  float epsilon = 1e-5f;
  float momentum_keep = 0.9f;
  bool training = true;
  Activation activation = Activation::none;
  static const OpSpec& spec();
};

/// y = a + b, of one shape.
struct Add {
  static const OpSpec& spec();
};

/// The same values under another shape; costs nothing.
struct Reshape {
  Shape shape;
  static const OpSpec& spec();
};

/// Inputs side by side along `axis`, counted without the batch axis.
struct Concat {
  int axis = -1;
  static const OpSpec& spec();
};

/// y = exp(x) / sum exp(x) over the last axis.
struct Softmax {
  static const OpSpec& spec();
};

// ---- losses -----------------------------------------------------------------

/// loss = -weights * sum_k t[k] log softmax(x)[k], t = labels * (1 - s) + s / K.
///   x (K,), labels (K,), weights ()  ->  loss (), probabilities (K,)
/// Gradient: weights * (softmax(x) * sum(t) - t) * dy; without dy, that of the
/// mean over the batch's real images.
struct SoftmaxCrossEntropy {
  float label_smoothing = 0;
  static const OpSpec& spec();
};

// ---- updates: they write their first inputs in place and have no output -------

/// statistic <- keep * statistic + (1 - keep) * value.
struct Running {
  float keep = 0.9f;
  static const OpSpec& spec();
};

/// w <- w - rate * g;  with momentum  m <- momentum * m + rate * g, w <- w - m;
/// Nesterov  m <- momentum * m + g, w <- w - rate * (g + momentum * m).
struct Sgd {
  float momentum = 0;
  bool nesterov = false;
  static const OpSpec& spec();
};

/// s <- decay * s + (1 - decay) g^2;  w <- w - rate * g / (sqrt(s) + epsilon).
struct RmsProp {
  float decay = 0.9f;
  float epsilon = 1e-8f;
  static const OpSpec& spec();
};

/// m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
/// w <- w - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon), t from 1.
/// Kingma & Ba 2015, with the epsilon of their section 2's last lines, as MPS.
struct Adam {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  static const OpSpec& spec();
};

/// Calls DataSource::update of `source` on the host.  parameters..., gradients...
struct HostUpdate {
  std::shared_ptr<DataSource> source;
  std::vector<SourceTensor> tensors;
  static const OpSpec& spec();
};

using Op = std::variant<Input, Labels, Scalar, Parameter, State, Conv2d, Dense, MaxPool2d,
                        AvgPool2d, Relu, Dropout, BatchNorm, Add, Reshape, Concat, Softmax,
                        SoftmaxCrossEntropy, Running, Sgd, RmsProp, Adam, HostUpdate>;

}  // namespace mpsnn
