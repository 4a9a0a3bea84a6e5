#include <algorithm>

#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"
#include "passes/rewrite.hpp"

namespace mpsnn {
namespace {

/// Whether `node` is a convolution or dense layer, whose weight is (O, ...) with O the channels
/// of its output, and has no neuron yet.
bool has_foldable_weight(const Node& node) {
  if (const auto* conv = std::get_if<Conv2d>(&node.op))
    return !node.gradient_of && !conv->activation && conv->accumulator == Accumulator::single;
  if (const auto* dense = std::get_if<Dense>(&node.op))
    return !node.gradient_of && !dense->activation;
  return false;
}

}  // namespace

Graph fold_batch_norm(const Graph& graph, std::span<const ValueId> keep) {
  for (const Node& node : graph.nodes()) {
    if (node.gradient_of || spec(node.op).writes > 0) return graph;
  }
  Graph out = graph;
  const std::vector<int> reads = read_counts(graph.nodes(), graph.value_count(), keep);
  std::vector<Node> nodes;
  for (const Node& node : graph.nodes()) {
    nodes.push_back(node);
    const auto* norm = std::get_if<BatchNorm>(&node.op);
    if (!norm || norm->training || norm->activation || reads[node.inputs[0].index] != 1) continue;
    const auto before = std::ranges::find_if(
        nodes, [&](const Node& n) { return n.outputs.front() == node.inputs[0]; });
    if (before == nodes.end() || !has_foldable_weight(*before)) continue;

    Node layer = *before, fold{FoldBatchNorm{norm->epsilon}, {}, {}, {}, node.label};
    fold.inputs = {layer.inputs[1], layer.inputs[2]};
    fold.inputs.insert(fold.inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    layer.inputs[1] = out.add_value(graph.desc(layer.inputs[1]));
    layer.inputs[2] = out.add_value(graph.desc(node.inputs[2]));
    fold.outputs = {layer.inputs[1], layer.inputs[2]};
    layer.outputs = {node.outputs[0]};
    nodes.pop_back();
    nodes.erase(before);
    nodes.push_back(std::move(fold));
    nodes.push_back(std::move(layer));
  }
  return out.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
