#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_relu(const Op& op, std::span<const TensorDesc> in) {
  floating(op, "x", in[0]);
  return {in[0]};
}

std::vector<TensorDesc> infer_dropout(const Op& op, std::span<const TensorDesc> in) {
  require_fraction(op, "rate", std::get<Dropout>(op).rate);
  floating(op, "x", in[0]);
  return {in[0], {in[0].shape, DType::uint8, in[0].batched}};
}

std::vector<TensorDesc> infer_add(const Op& op, std::span<const TensorDesc> in) {
  const Shape &a = floating(op, "a", in[0]), &b = floating(op, "b", in[1]);
  require(a == b, op, str("b must be ", a, " as a, got ", b));
  require(in[0].batched == in[1].batched, op,
          str("a ", a, " and b ", b, " must both have a batch axis or neither, got only ",
              in[0].batched ? "a" : "b", " with one"));
  return {in[0]};
}

}  // namespace

const OpSpec& Relu::spec() {
  static const OpSpec s{.name = "relu",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {"y"},
                        .gradients = {"x"},
                        .infer = infer_relu,
                        .in_place = {0},
                        .gradient_in_place = {0}};
  return s;
}

const OpSpec& Dropout::spec() {
  static const OpSpec s{.name = "dropout",
                        .inputs = {"x"},
                        .outputs = {"y", "mask"},
                        .saved = {"mask"},
                        .gradients = {"x"},
                        .infer = infer_dropout,
                        .attributes =
                            [](const Op& op) {
                              const auto& dropout = std::get<Dropout>(op);
                              return str(" rate=", dropout.rate, " key=", dropout.key);
                            },
                        .in_place = {0},
                        .gradient_in_place = {0}};
  return s;
}

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

}  // namespace mpsnn
