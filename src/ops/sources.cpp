#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_input(const Op& op, std::span<const TensorDesc>) {
  const auto& input = std::get<Input>(op);
  const bool known =
      input.dtype == DType::float32 || input.dtype == DType::uint8 || input.dtype == DType::int32;
  require(known, op, str("dtype must be float32, uint8 or int32, got ", input.dtype));
  require(std::isfinite(input.scale), op, str("scale must be finite, got ", input.scale));
  require(std::isfinite(input.offset), op, str("offset must be finite, got ", input.offset));
  return {{input.shape}};
}

std::string input_attributes(const Op& op) {
  const auto& input = std::get<Input>(op);
  std::string out = str(" dtype=", input.dtype);
  if (input.scale != 1) out += str(" scale=", input.scale);
  if (input.offset != 0) out += str(" offset=", input.offset);
  return out;
}

std::vector<TensorDesc> infer_labels(const Op& op, std::span<const TensorDesc>) {
  const auto& labels = std::get<Labels>(op);
  return {{labels.shape}, {labels.element_weights ? labels.shape : Shape{}}};
}

std::string labels_attributes(const Op& op) {
  return std::get<Labels>(op).element_weights ? " weights=element" : "";
}

/// A value of its own shape that all images share.
template <class T>
std::vector<TensorDesc> infer_variable(const Op& op, std::span<const TensorDesc>) {
  return {{std::get<T>(op).shape, DType::float32, false}};
}

}  // namespace

const OpSpec& Input::spec() {
  static const OpSpec s{.name = "input",
                        .inputs = {},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_input,
                        .attributes = input_attributes};
  return s;
}

const OpSpec& Labels::spec() {
  static const OpSpec s{.name = "labels",
                        .inputs = {},
                        .outputs = {"labels", "weights"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_labels,
                        .attributes = labels_attributes};
  return s;
}

const OpSpec& Scalar::spec() {
  static const OpSpec s{.name = "scalar",
                        .inputs = {},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = [](const Op&, std::span<const TensorDesc>) {
                          return std::vector<TensorDesc>{{Shape{}, DType::float32, false}};
                        }};
  return s;
}

const OpSpec& Parameter::spec() {
  static const OpSpec s{
      .name = "parameter",
      .inputs = {},
      .outputs = {"y"},
      .saved = {},
      .gradients = {},
      .infer = infer_variable<Parameter>,
      .attributes = [](const Op& op) {
        return std::string(std::get<Parameter>(op).trainable ? "" : " trainable=false");
      }};
  return s;
}

const OpSpec& State::spec() {
  static const OpSpec s{
      .name = "state",
      .inputs = {},
      .outputs = {"y"},
      .saved = {},
      .gradients = {},
      .infer = infer_variable<State>,
      .attributes = [](const Op& op) { return str(" initial=", std::get<State>(op).initial); }};
  return s;
}

}  // namespace mpsnn
