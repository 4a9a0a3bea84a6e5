#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_neuron(const Op& op, std::span<const TensorDesc> in) {
  floating(op, "x", in[0]);
  return {in[0]};
}

std::string neuron_attributes(const Op& op) {
  const auto& n = std::get<Neuron>(op);
  return n.a == 0 ? "" : str(" a=", n.a);
}

std::vector<TensorDesc> infer_dropout(const Op& op, std::span<const TensorDesc> in) {
  require_fraction(op, "rate", std::get<Dropout>(op).rate);
  floating(op, "x", in[0]);
  return {in[0], {in[0].shape, DType::uint8, in[0].batched}};
}

}  // namespace

const OpSpec& Neuron::spec() const {
  static const OpSpec relu{.name = "relu",
                           .inputs = {"x"},
                           .outputs = {"y"},
                           .saved = {"y"},
                           .gradients = {"x"},
                           .infer = infer_neuron,
                           .attributes = neuron_attributes,
                           .in_place = {0},
                           .gradient_in_place = {0}};
  if (kind != Kind::relu) return unwritten();
  return relu;
}

const OpSpec& PRelu::spec() { return unwritten(); }
const OpSpec& LogSoftmax::spec() { return unwritten(); }

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

}  // namespace mpsnn
