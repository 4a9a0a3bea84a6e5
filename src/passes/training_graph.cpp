#include <algorithm>
#include <array>

#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"
#include "passes/merge_gradients.hpp"
#include "passes/schedule.hpp"
#include "passes/swap_pools.hpp"

namespace mpsnn {
namespace {

ValueId state(Graph& graph, const std::string& parameter, const Shape& shape, const char* what) {
  return graph.add(State{shape, 0}, {}, parameter + "." + what);
}

/// The update node of one parameter, with the states that its rule keeps.
struct AddUpdate {
  Graph& graph;
  ValueId parameter, gradient, rate;
  std::string name;
  Shape shape;

  void operator()(const Sgd& op) const {
    const ValueId m = op.momentum > 0 ? state(graph, name, shape, "momentum") : ValueId{};
    graph.add(op, {parameter, m, gradient, rate}, name);
  }
  void operator()(const RmsProp& op) const {
    graph.add(op, {parameter, state(graph, name, shape, "square"), gradient, rate}, name);
  }
  void operator()(const Adam& op) const {
    const ValueId m = state(graph, name, shape, "first_moment");
    const ValueId v = state(graph, name, shape, "second_moment");
    const ValueId most = op.amsgrad ? state(graph, name, shape, "maximum") : ValueId{};
    graph.add(op, {parameter, m, v, most, gradient, rate}, name);
  }
  template <class T>
  void operator()(const T& op) const {
    throw ShapeError(str("optimizer: ", mpsnn::name(Op(op)), " is not an update rule"));
  }
};

/// Running statistics of every batch_norm, before the optimizer as MPS has it.
void add_running(Graph& graph) {
  const std::vector<Node> nodes(graph.nodes().begin(), graph.nodes().end());
  for (const Node& node : nodes) {
    const auto* op = std::get_if<BatchNorm>(&node.op);
    if (!op || node.gradient_of || !op->training) continue;
    const Shape& x = graph.desc(node.inputs[0]).shape;
    const Dim pixels = op->unbiased_running_var ? x.size() / x[x.rank() - 1] : 0;
    for (int i = 0; i < 2; ++i)
      graph.add(Running{op->momentum_keep, i == 1 ? pixels : 0},
                {node.inputs[3 + i], node.outputs[1 + i]}, node.label);
  }
}

/// One host_update node for the parameters of a source that has its own rule.
void add_host_update(Graph& graph, const std::shared_ptr<DataSource>& source,
                     std::span<const Gradient> gradients) {
  HostUpdate op{source, {}};
  std::vector<ValueId> inputs;
  std::string label;
  for (const Gradient& g : gradients) {
    const Node& node = graph.producer(g.value);
    const auto& parameter = std::get<Parameter>(node.op);
    op.tensors.push_back({parameter.tensor, parameter.shape});
    inputs.push_back(g.value);
    label += (label.empty() ? "" : ", ") + node.label;
  }
  for (const Gradient& g : gradients) inputs.push_back(g.gradient);
  graph.add(op, inputs, label);
}

/// Returns the gradients that are the optimizer's.
std::vector<Gradient> add_host_updates(Graph& graph, std::span<const Gradient> gradients) {
  std::vector<std::pair<std::shared_ptr<DataSource>, std::vector<Gradient>>> own;
  std::vector<Gradient> rest;
  for (const Gradient& g : gradients) {
    if (!g.gradient) continue;
    const auto& source = std::get<Parameter>(graph.producer(g.value).op).source;
    if (!source || !source->updates()) {
      rest.push_back(g);
      continue;
    }
    auto it = std::ranges::find(own, source, [](const auto& p) { return p.first; });
    if (it == own.end()) it = own.insert(own.end(), {source, {}});
    it->second.push_back(g);
  }
  for (const auto& [source, group] : own) add_host_update(graph, source, group);
  return rest;
}

/// Puts what the optimizer is to see in the place of each gradient: its mean over several
/// steps, clipped by the norm of all, then by value.
void prepare_gradients(Graph& graph, const Optimizer& optimizer, std::span<Gradient> gradients) {
  const auto label = [&](const Gradient& g) { return graph.producer(g.value).label; };
  if (optimizer.accumulate != 1) {
    for (Gradient& g : gradients) {
      const std::string name = label(g);
      const ValueId sum = state(graph, name, graph.desc(g.value).shape, "gradient");
      g.gradient = graph.add(Accumulate{optimizer.accumulate}, {sum, g.gradient}, name);
    }
  }
  ValueId scale;
  if (optimizer.clip_norm != 0 && !gradients.empty()) {
    std::vector<ValueId> all;
    for (const Gradient& g : gradients) all.push_back(g.gradient);
    scale = graph.add(ClipScale{optimizer.clip_norm}, all);
  }
  if (!scale && optimizer.gradient == PrepareGradient{}) return;
  for (Gradient& g : gradients)
    g.gradient = graph.add(optimizer.gradient, {g.gradient, g.value, scale}, label(g));
}

/// The rule, run in the last of so many steps.
Op with_every(Op rule, int every) {
  std::visit(
      [&](auto& op) {
        if constexpr (requires { op.every; }) op.every = every;
      },
      rule);
  return rule;
}

}  // namespace

TrainingGraph training_graph(const Graph& graph, ValueId loss, const Optimizer& optimizer,
                             std::span<const ValueId> exports) {
  const Graph flat = flatten_concats(graph);
  std::vector<ValueId> keep(exports.begin(), exports.end());
  keep.push_back(loss);
  TrainingGraph out{eliminate_dead(flat, keep), {}};
  // Dead outputs come back: a training step may need every state.
  std::vector<Node> nodes;
  for (const Node& node : flat.nodes()) {
    if (std::ranges::any_of(node.outputs, [&](ValueId v) { return out.graph.has(v); }))
      nodes.push_back(node);
  }
  out.graph = swap_pools(flat.with_nodes(std::move(nodes)), keep);

  std::vector<ValueId> trainable;
  for (ValueId v : parameters(out.graph)) {
    if (std::get<Parameter>(out.graph.producer(v).op).trainable) trainable.push_back(v);
  }
  std::vector<Gradient> gradients = add_gradients(out.graph, loss, trainable);
  out.graph = merge_gradients(out.graph, keep, gradients);
  if (std::ranges::none_of(gradients, [](const Gradient& g) { return bool(g.gradient); }))
    throw ShapeError("loss: depends on no trainable parameter");
  // User code first: if it fails, the step has changed nothing.
  std::vector<Gradient> rest = add_host_updates(out.graph, gradients);
  add_running(out.graph);
  if (!rest.empty()) out.learning_rate = out.graph.add(Scalar{}, {}, std::string("learning_rate"));
  prepare_gradients(out.graph, optimizer, rest);
  const Op rule = with_every(optimizer.rule, optimizer.accumulate);
  for (const Gradient& g : rest) {
    const Node& node = out.graph.producer(g.value);
    std::visit(AddUpdate{out.graph, g.value, g.gradient, out.learning_rate, node.label,
                         out.graph.desc(g.value).shape},
               rule);
  }
  out.graph = schedule_updates(eliminate_dead(out.graph, keep), loss);
  return out;
}

Graph inference_graph(const Graph& graph, std::span<const ValueId> outputs) {
  std::vector<Node> nodes(graph.nodes().begin(), graph.nodes().end());
  for (Node& node : nodes) {
    if (std::holds_alternative<Dropout>(node.op)) {
      node.op = Reshape{graph.desc(node.outputs[0]).shape};
      node.outputs.resize(1);
    } else if (auto* norm = std::get_if<BatchNorm>(&node.op)) {
      norm->training = false;
      node.outputs.resize(1);
    }
  }
  const Graph out = eliminate_dead(flatten_concats(graph.with_nodes(std::move(nodes))), outputs);
  for (const Node& node : out.nodes()) {
    if (node.gradient_of)
      throw ShapeError(str("outputs: only training steps have ", out.print(node)));
  }
  for (ValueId v : outputs) {
    if (!out.has(v)) throw ShapeError(str("outputs: only training steps have value ", v.index));
  }
  return out;
}

}  // namespace mpsnn
