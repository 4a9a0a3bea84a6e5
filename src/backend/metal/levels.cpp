#include "backend/metal/levels.hpp"

#include <algorithm>

#include "backend/node_kinds.hpp"

namespace mpsnn::metal {

bool is_sequence(const Op& op) {
  return std::holds_alternative<Rnn>(op) || std::holds_alternative<Lstm>(op) ||
         std::holds_alternative<Gru>(op) || std::holds_alternative<Mgu>(op);
}

Levels::Levels(const Graph& graph)
    : level(graph.value_count(), any), gradient(graph.value_count()), mixed(graph.nodes().size()) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (is_variable(node) || is_source(node)) continue;
    const bool sequence = is_sequence(node.op);
    int at = any;
    bool of_gradient =
        static_cast<bool>(node.gradient_of) || std::holds_alternative<InitialGradient>(node.op);
    for (ValueId v : node.inputs) {
      if (!v) continue;
      if (!node.gradient_of) of_gradient = of_gradient || gradient[v.index];
      const int from = level[v.index];
      if (from == any || node.gradient_of) continue;
      mixed[i] = mixed[i] || (at != any && from != at);
      at = std::max(at, from);
    }
    if (node.gradient_of) {
      at = level[node.gradient_of.index] - (sequence ? 1 : 0);
    } else if (at == any && !std::holds_alternative<InitialGradient>(node.op)) {
      at = 0;
    }
    if (sequence && !node.gradient_of) ++at;
    for (ValueId v : node.outputs) {
      if (!v) continue;
      level[v.index] = at;
      gradient[v.index] = of_gradient;
    }
    if (!of_gradient) last = std::max(last, at);
  }
}

}  // namespace mpsnn::metal
