#include "passes/schedule.hpp"

#include <algorithm>

#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

/// Whether `read` is, or may be a name of, the memory of `variable`.
bool is_memory_of(const Graph& graph, ValueId read, ValueId variable) {
  if (!read) return false;
  const ValueId root = graph.root(read);
  if (root == variable) return true;
  const Node& node = graph.producer(root);
  return joins_parameters(graph, node) && std::ranges::count(node.inputs, variable) > 0;
}

/// Whether `update` must come after `node`: it reads what `node` writes, or
/// overwrites what `node` reads.
bool waits_for(const Graph& graph, const Node& update, const Node& node) {
  const auto reads = [&](ValueId v) { return v && std::ranges::count(update.inputs, v); };
  const auto overwrites = [&](ValueId v) {
    return std::ranges::any_of(node.inputs, [&](ValueId x) { return is_memory_of(graph, x, v); });
  };
  const auto written = std::span(update.inputs).first(spec(update.op).writes);
  return std::ranges::any_of(node.outputs, reads) || std::ranges::any_of(written, overwrites);
}

}  // namespace

bool joins_parameters(const Graph& graph, const Node& node) {
  const auto* concat = std::get_if<Concat>(&node.op);
  if (!concat || node.gradient_of) return false;
  const int rank = graph.desc(node.outputs[0]).shape.rank();
  return (concat->axis == 0 || concat->axis == -rank) &&
         std::ranges::all_of(node.inputs, [&](ValueId v) {
           return std::holds_alternative<Parameter>(graph.producer(v).op);
         });
}

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
      return std::ranges::count(node.outputs, loss) > 0 || waits_for(graph, update, node);
    });
    nodes.insert(last.base(), std::move(update));
  }
  return graph.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
