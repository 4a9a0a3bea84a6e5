#include "backend/metal/updates.hpp"

#include <algorithm>
#include <set>

#include "backend/metal/levels.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"
#include "passes/schedule.hpp"

namespace mpsnn::metal {
namespace {

bool is_rule(const Node& node) {
  return std::holds_alternative<Sgd>(node.op) || std::holds_alternative<RmsProp>(node.op) ||
         std::holds_alternative<Adam>(node.op);
}

int every_of(const Op& op) {
  return std::visit(
      [](const auto& o) {
        if constexpr (requires { o.every; })
          return o.every;
        else
          return 1;
      },
      op);
}

/// The gradient that a rule reads: the last input but one.
ValueId gradient_of_rule(const Node& node) { return node.inputs[node.inputs.size() - 2]; }

/// Whether a data source is handed this gradient: it is that of a node's own parameter.
bool is_parameter_gradient(const Graph& graph, ValueId value) {
  if (!graph.has(value) || graph.desc(value).batched) return false;
  const Node& node = graph.producer(value);
  if (!node.gradient_of) return false;
  if (!std::holds_alternative<Concat>(node.op)) return true;
  // The gates of a sequence: joined for it, and the gradient taken apart again.
  return is_sequence(graph.producer(graph.root(node.inputs[0])).op) &&
         joins_parameters(graph, graph.producer(node.gradient_of));
}

/// How many forward nodes read the parameter, under any name.
int readers(const Graph& graph, ValueId parameter) {
  int count = 0;
  for (const Node& node : graph.nodes()) {
    if (node.gradient_of || write_count(node) > 0 || spec(node.op).view ||
        std::holds_alternative<PrepareGradient>(node.op))
      continue;
    count += std::ranges::any_of(node.inputs,
                                 [&](ValueId v) { return v && graph.root(v) == parameter; });
  }
  return count;
}

struct Planner {
  const Graph& graph;
  UpdatePlan plan{};
  std::vector<Node> host_nodes{};

  /// Whether MPS has an optimizer that does it.
  bool take(const Node& node) {
    if (!is_rule(node) || every_of(node.op) != 1) return false;
    // A kernel that is handed no new weights would go on with its old ones.
    if (readers(graph, node.inputs[0]) != 1) return false;
    ValueId gradient = graph.root(gradient_of_rule(node));
    DeviceRule rule{node};
    if (const auto* prepare = std::get_if<PrepareGradient>(&graph.producer(gradient).op)) {
      const Node& p = graph.producer(gradient);
      if (p.inputs[2] || (prepare->l1 != 0 && prepare->l2 != 0)) return false;
      rule.prepare = prepare;
      gradient = graph.root(p.inputs[0]);
    }
    if (!is_parameter_gradient(graph, gradient)) return false;
    // The device has these weights the other way round.
    if (std::holds_alternative<ConvTranspose2d>(graph.producer(gradient).op)) return false;
    plan.device.emplace(gradient.index, std::move(rule));
    return true;
  }

  void find_host_nodes() {
    std::set<int> wanted;  // value indices
    for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend(); ++it) {
      const Node& node = *it;
      const bool writes = write_count(node) > 0 && !std::holds_alternative<Running>(node.op);
      const bool mine = writes && node.outputs.empty() && !take(node);
      const bool read = std::ranges::any_of(
          node.outputs, [&](ValueId v) { return v && wanted.contains(v.index); });
      if (!mine && !read) continue;
      if (!mine && read && std::ranges::any_of(node.outputs, [&](ValueId v) {
            return v && wanted.contains(v.index) && is_parameter_gradient(graph, v);
          })) {
        for (ValueId v : node.outputs)
          if (v && wanted.contains(v.index)) lend(v);
        continue;
      }
      host_nodes.push_back(node);
      for (ValueId v : node.inputs)
        if (v) wanted.insert(v.index);
    }
    std::ranges::reverse(host_nodes);
  }

  /// The label of the parameter that it is the gradient of.
  std::string parameter_behind(ValueId gradient) const {
    const Node& node = graph.producer(gradient);
    const Node& forward = graph.producer(node.gradient_of);
    const OpSpec& s = spec(node.op);
    const auto place = std::ranges::find(node.outputs, gradient) - node.outputs.begin();
    const auto input = s.inputs[0].ends_with('*')
                           ? place
                           : std::ranges::find(s.inputs, s.gradients[place]) - s.inputs.begin();
    const Node* parameter = parameter_of(graph, forward.inputs[input]);
    return parameter ? parameter->label : std::string(s.inputs[0]);
  }

  void lend(ValueId gradient) {
    plan.host_gradients.push_back(gradient);
    plan.host_parameters.push_back(parameter_behind(gradient));
    Parameter lent;
    lent.shape = graph.desc(gradient).shape;
    lent.trainable = false;
    host_nodes.push_back({.op = lent,
                          .inputs = {},
                          .outputs = {gradient},
                          .gradient_of = {},
                          .label = str("gradient ", gradient.index)});
  }
};

}  // namespace

const Node* parameter_of(const Graph& graph, ValueId value) {
  if (!value || !graph.has(value)) return nullptr;
  const Node& node = graph.producer(graph.root(value));
  return std::holds_alternative<Parameter>(node.op) ? &node : nullptr;
}

UpdatePlan plan_updates(const Graph& graph) {
  Planner planner{graph};
  planner.find_host_nodes();
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<Running>(node.op)) continue;
    const Node& norm = graph.producer(node.inputs[1]);
    planner.plan.running[norm.outputs[0].index].push_back(node);
  }
  planner.plan.host = graph.with_nodes(std::move(planner.host_nodes));
  return std::move(planner.plan);
}

}  // namespace mpsnn::metal
