#include "passes/check_gradients.hpp"

#include <algorithm>

#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

/// Writes a variable, or prepares a gradient for that.
bool is_update(const Node& node) {
  return spec(node.op).writes > 0 || std::holds_alternative<PrepareGradient>(node.op) ||
         std::holds_alternative<ClipScale>(node.op);
}

/// The parameter whose gradient is input `i` of an update.
std::string parameter_of(const Graph& graph, const Node& update, std::size_t i) {
  const auto* host = std::get_if<HostUpdate>(&update.op);
  return host ? graph.producer(update.inputs[i - host->tensors.size()]).label : update.label;
}

/// One node that reads every gradient that an update reads, each once.
Node check_of(const Graph& graph, std::span<const Node> updates, const std::set<int>& scaled) {
  CheckGradients op;
  std::vector<ValueId> inputs;
  for (const Node& node : updates) {
    if (std::holds_alternative<ClipScale>(node.op)) continue;  // of what others read as well
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (!v || !scaled.contains(v.index) || std::ranges::count(inputs, v) > 0) continue;
      inputs.push_back(v);
      op.parameters.push_back(parameter_of(graph, node, i));
    }
  }
  return {std::move(op), std::move(inputs), {}, {}, {}};
}

}  // namespace

std::set<int> scaled_gradients(const Graph& graph) {
  std::set<int> out;
  for (const Node& node : graph.nodes()) {
    const bool reads =
        std::ranges::any_of(node.inputs, [&](ValueId v) { return v && out.contains(v.index); });
    if (is_update(node) || !(reads || std::holds_alternative<InitialGradient>(node.op))) continue;
    for (ValueId v : node.outputs)
      if (v) out.insert(v.index);
  }
  return out;
}

Graph check_gradients(const Graph& graph) {
  std::vector<Node> nodes, updates;
  std::set<int> updated;  // values that an update gives
  for (const Node& node : graph.nodes()) {
    const bool reads =
        std::ranges::any_of(node.inputs, [&](ValueId v) { return v && updated.contains(v.index); });
    const bool last = is_update(node) || reads;
    for (ValueId v : node.outputs)
      if (v && last) updated.insert(v.index);
    (last ? updates : nodes).push_back(node);
  }
  if (updates.empty()) return graph;
  nodes.push_back(check_of(graph, updates, scaled_gradients(graph)));
  std::ranges::move(updates, std::back_inserter(nodes));
  return graph.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
