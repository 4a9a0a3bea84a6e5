#include "backend/metal/levels.hpp"

#include <algorithm>

#include "backend/node_kinds.hpp"

namespace mpsnn::metal {

bool is_sequence(const Op& op) {
  return std::holds_alternative<Rnn>(op) || std::holds_alternative<Lstm>(op) ||
         std::holds_alternative<Gru>(op) || std::holds_alternative<Mgu>(op);
}

Levels::Levels(const Graph& graph)
    : level(graph.value_count(), any), gradient(graph.value_count()) {
  for (const Node& node : graph.nodes()) {
    if (is_variable(node) || is_source(node)) continue;
    const bool sequence = is_sequence(node.op);
    const bool of_gradient =
        node.gradient_of || std::holds_alternative<InitialGradient>(node.op) ||
        std::ranges::any_of(node.inputs, [&](ValueId v) { return v && gradient[v.index]; });
    int at = any;
    for (ValueId v : node.inputs) {
      if (!v || level[v.index] == any) continue;
      // Gradients come from behind.
      at = at == any     ? level[v.index]
           : of_gradient ? std::min(at, level[v.index])
                         : std::max(at, level[v.index]);
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
