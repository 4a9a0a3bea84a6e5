#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_add(const Op& op, std::span<const TensorDesc> in) {
  const Shape &a = floating(op, "a", in[0]), &b = floating(op, "b", in[1]);
  require(a == b, op, str("b must be ", a, " as a, got ", b));
  require(in[0].batched == in[1].batched, op,
          str("a ", a, " and b ", b, " must both have a batch axis or neither, got only ",
              in[0].batched ? "a" : "b", " with one"));
  return {in[0]};
}

}  // namespace

const OpSpec& Add::spec() {
  static const OpSpec s{.name = "add",
                        .inputs = {"a", "b"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"a", "b"},
                        .infer = infer_add,
                        .in_place = {0, 1},
                        .passes_gradient = true};
  return s;
}

const OpSpec& Arithmetic::spec() const { return unwritten(); }
const OpSpec& MatMul::spec() { return unwritten(); }
const OpSpec& GramMatrix::spec() { return unwritten(); }

}  // namespace mpsnn
