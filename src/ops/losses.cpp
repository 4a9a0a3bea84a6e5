#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  require_fraction(op, "label_smoothing", std::get<SoftmaxCrossEntropy>(op).label_smoothing);
  const Shape& x = batched(op, "x", in[0]);
  const Shape& labels = batched(op, "labels", in[1]);
  const Shape& weights = batched(op, "weights", in[2]);
  require(x.rank() == 1, op,
          str("x must be one vector (K,) per image, which reshape makes, got ", x));
  require(labels == x, op, str("labels must be ", x, " as x, got ", labels));
  require(weights.rank() == 0, op, str("weights must be one number () per image, got ", weights));
  return {{Shape{}}, {x}};
}

std::string attributes(const Op& op) {
  const float smoothing = std::get<SoftmaxCrossEntropy>(op).label_smoothing;
  return smoothing == 0 ? "" : str(" label_smoothing=", smoothing);
}

std::vector<TensorDesc> infer_initial(const Op& op, std::span<const TensorDesc>) {
  return {{Shape{}, DType::float32, std::get<InitialGradient>(op).batched}};
}

}  // namespace

const OpSpec& InitialGradient::spec() {
  static const OpSpec s{.name = "initial_gradient",
                        .inputs = {},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_initial};
  return s;
}

const OpSpec& SoftmaxCrossEntropy::spec() {
  static const OpSpec s{.name = "softmax_cross_entropy",
                        .inputs = {"x", "labels", "weights"},
                        .outputs = {"loss", "probabilities"},
                        .saved = {"probabilities", "labels", "weights"},
                        .gradients = {"x"},
                        .infer = infer,
                        .attributes = attributes};
  return s;
}

}  // namespace mpsnn
