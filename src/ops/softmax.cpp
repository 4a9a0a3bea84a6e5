#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const Shape& x = floating(op, "x", in[0]);
  require(x.rank() >= 1, op, str("x must have at least 1 axis, got ", x));
  return {in[0]};
}

}  // namespace

const OpSpec& Softmax::spec() {
  static const OpSpec s{.name = "softmax",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {"y"},
                        .gradients = {"x"},
                        .infer = infer,
                        .in_place = {0}};
  return s;
}

const OpSpec& LogSoftmax::spec() {
  static const OpSpec s{.name = "log_softmax",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {"y"},
                        .gradients = {"x"},
                        .infer = infer,
                        .in_place = {0}};
  return s;
}

}  // namespace mpsnn
