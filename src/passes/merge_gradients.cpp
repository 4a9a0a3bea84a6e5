#include "passes/merge_gradients.hpp"

#include <algorithm>
#include <map>

namespace mpsnn {
namespace {

struct Merger {
  const Graph& graph;
  std::span<const ValueId> keep;
  std::vector<Node> nodes{};
  std::map<int, ValueId> renamed{};  ///< By value index.
  std::vector<bool> gradient = std::vector<bool>(graph.value_count());

  ValueId now(ValueId v) const {
    const auto at = v ? renamed.find(v.index) : renamed.end();
    return at == renamed.end() ? v : at->second;
  }

  /// What add_gradients makes: gradient nodes, what they start from, their sums and views.
  bool of_gradients(const Node& node) const {
    if (node.gradient_of || std::holds_alternative<InitialGradient>(node.op)) return true;
    const auto* add = std::get_if<Add>(&node.op);
    return ((add && !add->activation) || std::holds_alternative<Reshape>(node.op)) &&
           std::ranges::all_of(node.inputs, [&](ValueId v) { return v && gradient[v.index]; });
  }

  bool same(const Node& a, const Node& b) const {
    return a.op.index() == b.op.index() && a.gradient_of == b.gradient_of && a.inputs == b.inputs &&
           a.outputs.size() == b.outputs.size() &&
           (a.gradient_of || graph.desc(a.outputs[0]) == graph.desc(b.outputs[0]));
  }

  /// Lets `to` compute what `from` does.
  void merge(Node& to, const Node& from) {
    for (std::size_t i = 0; i < from.outputs.size(); ++i) {
      if (!from.outputs[i]) continue;
      if (to.outputs[i])
        renamed[from.outputs[i].index] = to.outputs[i];
      else
        to.outputs[i] = from.outputs[i];
    }
  }

  void add(Node node) {
    for (ValueId& v : node.inputs) v = now(v);
    const bool candidate = of_gradients(node);
    for (ValueId v : node.outputs)
      if (v) gradient[v.index] = candidate;
    const bool kept = std::ranges::any_of(
        node.outputs, [&](ValueId v) { return v && std::ranges::count(keep, v) > 0; });
    if (candidate && !kept) {
      const auto earlier = std::ranges::find_if(
          nodes, [&](const Node& n) { return of_gradients(n) && same(n, node); });
      if (earlier != nodes.end()) return merge(*earlier, node);
    }
    nodes.push_back(std::move(node));
  }
};

}  // namespace

Graph merge_gradients(const Graph& graph, std::span<const ValueId> keep,
                      std::span<Gradient> gradients) {
  Merger merger{graph, keep};
  for (const Node& node : graph.nodes()) merger.add(node);
  for (Gradient& g : gradients) g.gradient = merger.now(g.gradient);
  return graph.with_nodes(std::move(merger.nodes));
}

}  // namespace mpsnn
