#include "ops/conv_checks.hpp"

namespace mpsnn {
namespace {

/// More rows or columns than a stride adds would be a larger image; a gap of dilation may be
/// as long.
void check_output_padding(const Op& op, const ConvTranspose2d& conv) {
  const Size2 more = conv.output_padding;
  const Size2 limit{std::max(conv.stride.h, conv.dilation.h),
                    std::max(conv.stride.w, conv.dilation.w)};
  require(more.h >= 0 && more.w >= 0, op, str("output_padding must not be negative, got ", more));
  require(more == Size2{0, 0} || conv.padding.mode != Padding::Mode::same, op,
          str("output_padding must be (0, 0) with padding 'same', got ", more));
  require(more.h < limit.h && more.w < limit.w, op,
          str("output_padding must be less than the stride ", conv.stride, " or the dilation ",
              conv.dilation, ", got ", more));
}

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& conv = std::get<ConvTranspose2d>(op);
  check_attributes(op, conv);
  check_output_padding(op, conv);
  check_inputs(op, in, conv.groups);
  const Shape &x = in[0].shape, &weight = in[1].shape;
  const ConvGeometry g(conv, x, weight);
  require(g.h.fine > 0 && g.w.fine > 0, op,
          str("padding ", conv.padding, " must leave something of the result of x ", x,
              " and weight ", weight));
  return {{{g.h.fine, g.w.fine, weight[0]}}};
}

std::string attributes(const Op& op) {
  const auto& conv = std::get<ConvTranspose2d>(op);
  std::string out = print_attributes(conv);
  if (conv.output_padding != Size2{0, 0}) out += str(" output_padding=", conv.output_padding);
  return out + print(conv.activation);
}

/// Every element of x goes to one window of each output channel of its group.
MultiplyAdds multiply_adds(const Op& op, std::span<const TensorDesc> in, const TensorDesc&,
                           int images) {
  const Shape& weight = in[1].shape;
  const std::uint64_t n = in[0].elements(images) * weight[1] * weight[2] *
                          (weight[0] / std::get<ConvTranspose2d>(op).groups);
  return {n, {n, n}};
}

}  // namespace

const OpSpec& ConvTranspose2d::spec() {
  static const OpSpec s{.name = "conv_transpose2d",
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
