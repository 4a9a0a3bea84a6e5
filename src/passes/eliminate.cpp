#include <algorithm>

#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"

namespace mpsnn {

Graph eliminate_dead(const Graph& graph, std::span<const ValueId> keep) {
  std::vector<bool> live(graph.value_count());
  for (ValueId v : keep) live[v.index] = true;

  std::vector<Node> nodes;
  for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend(); ++it) {
    const auto wanted = [&](ValueId v) { return v && live[v.index]; };
    if (spec(it->op).writes == 0 && std::ranges::none_of(it->outputs, wanted)) continue;
    Node node = *it;
    // The result of an op stays, so that kernels need not do without it.
    const std::size_t first = node.gradient_of || node.inputs.empty() ? 0 : 1;
    for (std::size_t i = first; i < node.outputs.size(); ++i) {
      if (!wanted(node.outputs[i])) node.outputs[i] = {};
    }
    for (ValueId v : node.inputs) {
      if (v) live[v.index] = true;
    }
    nodes.push_back(std::move(node));
  }
  std::ranges::reverse(nodes);
  return graph.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
