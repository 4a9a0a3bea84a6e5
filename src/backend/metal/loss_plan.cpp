#include "backend/metal/loss_plan.hpp"

#include <algorithm>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

bool is_of_labels(const Graph& graph, const Node& node) {
  for (int i : {1, 2}) {
    if (i >= static_cast<int>(node.inputs.size()) || !node.inputs[i]) continue;
    if (!std::holds_alternative<Labels>(graph.producer(node.inputs[i]).op)) return false;
  }
  return true;
}

/// Whether nothing but its own gradient node reads the loss, and that starts there.
bool is_minimized(const Graph& graph, const Node& node) {
  return std::ranges::all_of(graph.nodes(), [&](const Node& other) {
    if (other.gradient_of == node.outputs[0])
      return !other.gradient_of || std::holds_alternative<InitialGradient>(
                                       graph.producer(graph.root(other.inputs[0])).op);
    return other.gradient_of ||
           std::ranges::find(other.inputs, node.outputs[0]) == other.inputs.end();
  });
}

}  // namespace

bool is_direct_loss(const Graph& graph, const Node& node) {
  return is_of_labels(graph, node) && is_minimized(graph, node) &&
         graph.desc(node.inputs[0]).shape == graph.desc(node.inputs[1]).shape;
}

LossTraits::LossTraits(const Op& op) {
  if (const auto* yolo = std::get_if<YoloLoss>(&op)) {
    reduction = yolo->reduction;
    weight = yolo->weight;
    return;
  }
  const auto& loss = std::get<Loss>(op);
  reduction = loss.reduction;
  weight = loss.weight;
  strict = loss.strict_mps;
  cosine = loss.kind == Loss::Kind::cosine_distance;
  softmax = loss.kind == Loss::Kind::softmax_cross_entropy;
}

std::string loss_refusal(const Graph& graph, const Node& node) {
  if (is_direct_loss(graph, node)) return {};
  if (std::holds_alternative<YoloLoss>(node.op))
    return "must be what is minimized, of labels from Graph.labels";
  const LossTraits traits(node.op);
  const bool weighted = node.inputs.size() > 2 && node.inputs[2];
  const Shape& x = graph.desc(node.inputs[0]).shape;
  const bool each = weighted && graph.desc(node.inputs[2]).shape.size() != 1 && x.size() > 1;
  if (weighted && traits.reduction == Reduction::sum_by_nonzero_weights && !traits.strict)
    return "MPS divides its gradient by no number of weights; only a loss that is minimized, of "
           "labels from Graph.labels, can have them counted";
  if (each && traits.softmax && !traits.strict)
    return "MPS gives the gradient of softmax_cross_entropy for one weight per image";
  if (each && traits.cosine) return "MPS has no weights per element of a cosine distance";
  return {};
}

}  // namespace mpsnn::metal
