#include <cmath>

#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

/// gamma and beta, where they are there, of the shape `want`.
void check_scale(const Op& op, std::span<const TensorDesc> in, const Shape& want) {
  if (given(in[1])) require_like(op, "gamma", in[1], want, str("x ", in[0].shape));
  if (given(in[2])) require_like(op, "beta", in[2], want, str("x ", in[0].shape));
}

std::vector<TensorDesc> infer_group(const Op& op, std::span<const TensorDesc> in) {
  const auto& norm = std::get<GroupNorm>(op);
  require_positive(op, "epsilon", norm.epsilon);
  const Shape& x = batched(op, "x", in[0]);
  require(x.rank() >= 1, op, str("x must be (..., C), got ", x));
  const Dim channels = x[x.rank() - 1];
  require(norm.groups >= 1 && channels % norm.groups == 0, op,
          str("groups must divide the channels of x ", x, ", got ", norm.groups));
  check_scale(op, in, {channels});
  const TensorDesc statistic{{norm.groups}};
  return {in[0], statistic, statistic};
}

std::vector<TensorDesc> infer_layer(const Op& op, std::span<const TensorDesc> in) {
  const auto& norm = std::get<LayerNorm>(op);
  require_positive(op, "epsilon", norm.epsilon);
  const Shape& x = batched(op, "x", in[0]);
  require(norm.axes >= 1 && norm.axes <= x.rank(), op,
          str("axes must be 1 to ", x.rank(), " for x ", x, ", got ", norm.axes));
  const std::span<const Dim> dims = x.dims();
  check_scale(op, in, Shape(dims.last(norm.axes)));
  const TensorDesc statistic{Shape(dims.first(dims.size() - norm.axes))};
  return {in[0], statistic, statistic};
}

OpSpec scaled(std::string_view name,
              std::vector<TensorDesc> (*infer)(const Op&, std::span<const TensorDesc>),
              std::string (*attributes)(const Op&)) {
  return {.name = name,
          .inputs = {"x", "gamma?", "beta?"},
          .outputs = {"y", "mean", "deviation"},
          .saved = {"x", "gamma?", "mean", "deviation"},
          .gradients = {"x", "gamma?", "beta?"},
          .infer = infer,
          .attributes = attributes};
}

/// alpha, beta and delta, with which no divisor is 0 or less.
template <class Norm>
void check_power(const Op& op, const Norm& norm) {
  require(norm.alpha >= 0 && std::isfinite(norm.alpha), op,
          str("alpha must be finite and not negative, got ", norm.alpha));
  require(std::isfinite(norm.beta), op, str("beta must be finite, got ", norm.beta));
  require_positive(op, "delta", norm.delta);
}

std::vector<TensorDesc> infer_cross_channel(const Op& op, std::span<const TensorDesc> in) {
  const auto& norm = std::get<CrossChannelNorm>(op);
  require_size(op, "size", {norm.size, 1});
  check_power(op, norm);
  const Shape& x = batched(op, "x", in[0]);
  require(x.rank() >= 1, op, str("x must be (..., C), got ", x));
  return {in[0]};
}

template <class Norm>
std::vector<TensorDesc> infer_spatial(const Op& op, std::span<const TensorDesc> in) {
  const auto& norm = std::get<Norm>(op);
  require_size(op, "kernel", norm.kernel);
  check_power(op, norm);
  if constexpr (requires { norm.p0; }) {
    for (float p : {norm.p0, norm.pm, norm.ps})
      require(std::isfinite(p), op, str("p0, pm and ps must be finite, got ", p));
  }
  image(op, "x", in[0]);
  return {in[0]};
}

template <class Norm>
std::string power_attributes(const Norm& norm) {
  return str(" alpha=", norm.alpha, " beta=", norm.beta, " delta=", norm.delta);
}

OpSpec windowed(std::string_view name,
                std::vector<TensorDesc> (*infer)(const Op&, std::span<const TensorDesc>),
                std::string (*attributes)(const Op&)) {
  return {.name = name,
          .inputs = {"x"},
          .outputs = {"y"},
          .saved = {"x"},
          .gradients = {"x"},
          .infer = infer,
          .attributes = attributes};
}

}  // namespace

const OpSpec& GroupNorm::spec() {
  static const OpSpec s = scaled("group_norm", infer_group, [](const Op& op) {
    const auto& norm = std::get<GroupNorm>(op);
    return str(" groups=", norm.groups, " epsilon=", norm.epsilon);
  });
  return s;
}

const OpSpec& LayerNorm::spec() {
  static const OpSpec s = scaled("layer_norm", infer_layer, [](const Op& op) {
    const auto& norm = std::get<LayerNorm>(op);
    return str(" axes=", norm.axes, " epsilon=", norm.epsilon);
  });
  return s;
}

const OpSpec& CrossChannelNorm::spec() {
  static const OpSpec s = windowed("cross_channel_norm", infer_cross_channel, [](const Op& op) {
    const auto& norm = std::get<CrossChannelNorm>(op);
    return str(" size=", norm.size, power_attributes(norm));
  });
  return s;
}

const OpSpec& SpatialNorm::spec() {
  static const OpSpec s = windowed("spatial_norm", infer_spatial<SpatialNorm>, [](const Op& op) {
    const auto& norm = std::get<SpatialNorm>(op);
    return str(" kernel=", norm.kernel, power_attributes(norm));
  });
  return s;
}

const OpSpec& LocalContrastNorm::spec() {
  static const OpSpec s =
      windowed("local_contrast_norm", infer_spatial<LocalContrastNorm>, [](const Op& op) {
        const auto& norm = std::get<LocalContrastNorm>(op);
        return str(" kernel=", norm.kernel, power_attributes(norm), " p0=", norm.p0,
                   " pm=", norm.pm, " ps=", norm.ps);
      });
  return s;
}

}  // namespace mpsnn
