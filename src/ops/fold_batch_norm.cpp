#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  require_positive(op, "epsilon", std::get<FoldBatchNorm>(op).epsilon);
  const Shape& weight = unbatched(op, "weight", in[0]);
  require(weight.rank() >= 1, op, str("weight must be (O, ...), got ", weight));
  for (int i = 1; i < 6; ++i) {
    if (i > 1 || given(in[i]))
      require_like(op, FoldBatchNorm::spec().inputs[i], in[i], {weight[0]}, str("weight ", weight));
  }
  return {in[0], in[2]};
}

}  // namespace

const OpSpec& FoldBatchNorm::spec() {
  static const OpSpec s{.name = "fold_batch_norm",
                        .inputs = {"weight", "bias?", "gamma", "beta", "mean", "variance"},
                        .outputs = {"weight", "bias"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer,
                        .attributes = [](const Op& op) {
                          return str(" epsilon=", std::get<FoldBatchNorm>(op).epsilon);
                        }};
  return s;
}

}  // namespace mpsnn
