#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

void check_attributes(const Op& op, const Conv2d& conv) {
  require_size(op, "stride", conv.stride);
  require_size(op, "dilation", conv.dilation);
  require_padding(op, conv.padding);
  require(conv.groups >= 1, op, str("groups must be at least 1, got ", conv.groups));
}

void check_weight(const Op& op, const Shape& weight, const Shape& x) {
  const int groups = std::get<Conv2d>(op).groups;
  require(weight.rank() == 4, op, str("weight must be (O, K.h, K.w, C / groups), got ", weight));
  require(x[2] % groups == 0, op,
          str("x ", x, " must have a multiple of groups = ", groups, " channels, got ", x[2]));
  require(weight[0] % groups == 0, op,
          str("weight ", weight, " must have a multiple of groups = ", groups,
              " output channels, got ", weight[0]));
  require(weight[3] == x[2] / groups, op,
          str("weight ", weight, " must read C / groups = ", x[2] / groups, " channels of x ", x,
              ", got ", weight[3]));
}

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& conv = std::get<Conv2d>(op);
  check_attributes(op, conv);
  const Shape& x = image(op, "x", in[0]);
  const Shape& weight = unbatched(op, "weight", in[1]);
  check_weight(op, weight, x);
  if (given(in[2])) require_like(op, "bias", in[2], {weight[0]}, str("weight ", weight));

  // A kernel comes from a shape, so it may exceed an int; Window counts in Dim.
  const Padding& p = conv.padding;
  const Window h(x[0], weight[1], conv.stride.h, conv.dilation.h, p.mode, p.top, p.bottom);
  const Window w(x[1], weight[2], conv.stride.w, conv.dilation.w, p.mode, p.left, p.right);
  require(h.out > 0 && w.out > 0, op,
          str("weight ", weight, " with dilation ", conv.dilation, " does not fit in the padded x ",
              x));
  return {{{h.out, w.out, weight[0]}}};
}

std::string attributes(const Op& op) {
  const auto& conv = std::get<Conv2d>(op);
  std::string out = str(" stride=", conv.stride);
  if (conv.dilation != Size2{}) out += str(" dilation=", conv.dilation);
  out += str(" padding=", conv.padding);
  if (conv.groups != 1) out += str(" groups=", conv.groups);
  out += print(conv.activation);
  return out;
}

}  // namespace

const OpSpec& Conv2d::spec() {
  static const OpSpec s{.name = "conv2d",
                        .inputs = {"x", "weight", "bias?"},
                        .outputs = {"y"},
                        .saved = {"x", "weight"},
                        .gradients = {"x", "weight", "bias?"},
                        .infer = infer,
                        .attributes = attributes};
  return s;
}

}  // namespace mpsnn
