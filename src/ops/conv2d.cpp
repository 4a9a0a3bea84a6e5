#include "ops/conv_checks.hpp"

namespace mpsnn {

void check_inputs(const Op& op, std::span<const TensorDesc> in, int groups) {
  const Shape& x = image(op, "x", in[0]);
  const Shape& weight = unbatched(op, "weight", in[1]);
  require(weight.rank() == 4, op, str("weight must be (O, K.h, K.w, C / groups), got ", weight));
  require(x[2] % groups == 0, op,
          str("x ", x, " must have a multiple of groups = ", groups, " channels, got ", x[2]));
  require(weight[0] % groups == 0, op,
          str("weight ", weight, " must have a multiple of groups = ", groups,
              " output channels, got ", weight[0]));
  require(weight[3] == x[2] / groups, op,
          str("weight ", weight, " must read C / groups = ", x[2] / groups, " channels of x ", x,
              ", got ", weight[3]));
  if (given(in[2])) require_like(op, "bias", in[2], {weight[0]}, str("weight ", weight));
}

namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& conv = std::get<Conv2d>(op);
  check_attributes(op, conv);
  check_inputs(op, in, conv.groups);
  const Shape &x = in[0].shape, &weight = in[1].shape;
  const ConvGeometry g(conv, x, weight);
  require(g.h.coarse > 0 && g.w.coarse > 0, op,
          str("weight ", weight, " with dilation ", conv.dilation, " does not fit in the padded x ",
              x));
  return {{{g.h.coarse, g.w.coarse, weight[0]}}};
}

std::string attributes(const Op& op) {
  const auto& conv = std::get<Conv2d>(op);
  return print_attributes(conv) + print(conv.activation);
}

/// Every element of y is one sum over a window and the channels of its group.
MultiplyAdds multiply_adds(const Op&, std::span<const TensorDesc> in, const TensorDesc& y,
                           int images) {
  const Shape& weight = in[1].shape;
  const std::uint64_t n = y.elements(images) * weight[1] * weight[2] * weight[3];
  return {n, {n, n}};
}

}  // namespace

const OpSpec& Conv2d::spec() {
  static const OpSpec s{.name = "conv2d",
                        .inputs = {"x", "weight", "bias?"},
                        .outputs = {"y"},
                        .saved = {"x", "weight"},
                        .gradients = {"x", "weight", "bias?"},
                        .infer = infer,
                        .attributes = attributes,
                        .multiply_adds = multiply_adds};
  return s;
}

}  // namespace mpsnn
