#include "ops/mask_bits.hpp"
#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& norm = std::get<BatchNorm>(op);
  require_positive(op, "epsilon", norm.epsilon);
  require(norm.momentum_keep >= 0 && norm.momentum_keep <= 1, op,
          str("momentum_keep must be in [0, 1], got ", norm.momentum_keep));

  const Shape& x = batched(op, "x", in[0]);
  require(x.rank() >= 1, op, str("x must be (..., C), got ", x));
  const Shape channels{x[x.rank() - 1]};
  for (int i = 1; i < 5; ++i)
    require_like(op, norm.spec().inputs[i], in[i], channels, str("x ", x));

  std::vector<TensorDesc> out = {in[0]};
  if (!norm.training) return out;
  out.insert(out.end(), 2, {channels, DType::float32, false});
  if (norm.activation) out.push_back({mask_bits::shape(x), DType::uint8});
  return out;
}

std::string attributes(const Op& op) {
  const auto& norm = std::get<BatchNorm>(op);
  std::string out = str(" epsilon=", norm.epsilon, " momentum_keep=", norm.momentum_keep,
                        " training=", norm.training ? "true" : "false");
  if (norm.unbiased_running_var) out += " unbiased_running_var";
  out += print(norm.activation);
  return out;
}

/// Of a batch_norm whose gradient reads `saved`.
OpSpec spec_of(std::vector<std::string_view> saved) {
  return {.name = "batch_norm",
          .inputs = {"x", "gamma", "beta", "running_mean", "running_var"},
          .outputs = {"y", "mean", "variance", "mask"},
          .saved = std::move(saved),
          .gradients = {"x", "gamma", "beta"},
          .infer = infer,
          .attributes = attributes};
}

}  // namespace

const OpSpec& BatchNorm::spec() const {
  static const OpSpec of_batch = spec_of({"x", "gamma", "mean", "variance", "mask"});
  static const OpSpec of_running = spec_of({"x", "gamma", "running_mean", "running_var"});
  return training ? of_batch : of_running;
}

}  // namespace mpsnn
