#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const Shape& x = batched(op, "x", in[0]);
  const Shape& weight = unbatched(op, "weight", in[1]);
  require(weight.rank() == 2 && weight[1] == x.size(), op,
          str("weight must be (O, ", x.size(), ") for x ", x, ", got ", weight));
  if (given(in[2])) require_like(op, "bias", in[2], {weight[0]}, str("weight ", weight));
  return {{{weight[0]}}};
}

std::string attributes(const Op& op) { return print(std::get<Dense>(op).activation); }

MultiplyAdds multiply_adds(const Op&, std::span<const TensorDesc> in, const TensorDesc& y,
                           int images) {
  const std::uint64_t n = y.elements(images) * in[1].shape[1];
  return {n, {n, n}};
}

}  // namespace

const OpSpec& Dense::spec() {
  static const OpSpec s{.name = "dense",
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
