#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_prepare(const Op& op, std::span<const TensorDesc> in) {
  const auto& p = std::get<PrepareGradient>(op);
  require(p.clip_min < p.clip_max, op,
          str("clip_min must be less than clip_max ", p.clip_max, ", got ", p.clip_min));
  for (const auto& [argument, value] :
       {std::pair{"rescale", p.rescale}, {"l1", p.l1}, {"l2", p.l2}})
    require(std::isfinite(value), op, str(argument, " must be finite, got ", value));
  check_like_first(op, in.first(2));
  if (given(in[2])) {
    const Shape& scale = unbatched(op, "scale", in[2]);
    require(scale.rank() == 0, op, str("scale must be one number (), got ", scale));
  }
  return {in[0]};
}

std::vector<TensorDesc> infer_clip_scale(const Op& op, std::span<const TensorDesc> in) {
  require_positive(op, "max_norm", std::get<ClipScale>(op).max_norm);
  require(!in.empty(), op, "takes at least 1 input, got 0");
  for (std::size_t i = 0; i < in.size(); ++i) unbatched(op, str("x[", i, "]"), in[i]);
  return {{Shape{}, DType::float32, false}};
}

std::vector<TensorDesc> infer_accumulate(const Op& op, std::span<const TensorDesc> in) {
  const int every = std::get<Accumulate>(op).every;
  require(every >= 1, op, str("every must be at least 1, got ", every));
  check_like_first(op, in);
  return {in[0]};
}

std::string prepare_attributes(const Op& op) {
  const auto& p = std::get<PrepareGradient>(op);
  std::string out;
  if (std::isfinite(p.clip_min)) out += str(" clip_min=", p.clip_min);
  if (std::isfinite(p.clip_max)) out += str(" clip_max=", p.clip_max);
  if (p.rescale != 1) out += str(" rescale=", p.rescale);
  if (p.l1 != 0) out += str(" l1=", p.l1);
  if (p.l2 != 0) out += str(" l2=", p.l2);
  return out;
}

}  // namespace

const OpSpec& PrepareGradient::spec() {
  static const OpSpec s{.name = "prepare_gradient",
                        .inputs = {"gradient", "parameter", "scale?"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_prepare,
                        .attributes = prepare_attributes,
                        .in_place = {0}};
  return s;
}

const OpSpec& ClipScale::spec() {
  static const OpSpec s{.name = "clip_scale",
                        .inputs = {"x*"},
                        .outputs = {"scale"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_clip_scale,
                        .attributes = [](const Op& op) {
                          return str(" max_norm=", std::get<ClipScale>(op).max_norm);
                        }};
  return s;
}

const OpSpec& CheckGradients::spec() {
  static const OpSpec s{
      .name = "check_gradients",
      .inputs = {"x*"},
      .outputs = {},
      .saved = {},
      .gradients = {},
      .infer = [](const Op&, std::span<const TensorDesc>) -> std::vector<TensorDesc> {
        return {};
      }};
  return s;
}

const OpSpec& Accumulate::spec() {
  static const OpSpec s{
      .name = "accumulate",
      .inputs = {"sum", "gradient"},
      .outputs = {"y"},
      .saved = {},
      .gradients = {},
      .infer = infer_accumulate,
      .attributes = [](const Op& op) { return str(" every=", std::get<Accumulate>(op).every); },
      .in_place = {1},
      .writes = 1};
  return s;
}

}  // namespace mpsnn
