#include "passes/schedule.hpp"

#include <algorithm>

#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

/// Whether `update` must come after `node`: it reads what `node` writes, or
/// overwrites what `node` reads.
bool waits_for(const Node& update, const Node& node) {
  const auto reads = [](const Node& n, ValueId v) { return v && std::ranges::count(n.inputs, v); };
  const auto written = std::span(update.inputs).first(spec(update.op).writes);
  return std::ranges::any_of(node.outputs, [&](ValueId v) { return reads(update, v); }) ||
         std::ranges::any_of(written, [&](ValueId v) { return reads(node, v); });
}

}  // namespace

Graph schedule_updates(const Graph& graph, ValueId loss) {
  std::vector<Node> nodes, updates;
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<HostUpdate>(node.op)) return graph;
    // What also gives a value, as accumulate, has its place among those that read it.
    (spec(node.op).writes > 0 && node.outputs.empty() ? updates : nodes).push_back(node);
  }
  // Sources first: an update may read a state that was added after its gradient.
  std::ranges::stable_partition(nodes, [](const Node& n) { return n.inputs.empty(); });
  for (Node& update : updates) {
    const auto last = std::find_if(nodes.rbegin(), nodes.rend(), [&](const Node& node) {
      return std::ranges::count(node.outputs, loss) > 0 || waits_for(update, node);
    });
    nodes.insert(last.base(), std::move(update));
  }
  return graph.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
