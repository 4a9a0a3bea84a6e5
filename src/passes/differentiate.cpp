#include <algorithm>
#include <map>

#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

/// Marks each value that depends on one of `wrt`.
std::vector<bool> reached(const Graph& graph, std::span<const ValueId> wrt) {
  std::vector<bool> mark(graph.value_count());
  for (ValueId v : wrt) mark[v.index] = true;
  for (const Node& node : graph.nodes()) {
    const bool any =
        std::ranges::any_of(node.inputs, [&](ValueId v) { return v && mark[v.index]; });
    if (!any) continue;
    for (ValueId v : node.outputs) {
      if (v) mark[v.index] = true;
    }
  }
  return mark;
}

/// The gradient of each value so far, by value index.
class GradientSums {
 public:
  explicit GradientSums(Graph& graph) : graph_(graph) {}

  ValueId get(ValueId v) const {
    const auto it = gradient_.find(v.index);
    return it == gradient_.end() ? ValueId{} : it->second;
  }
  void add(ValueId v, ValueId gradient) {
    const ValueId before = get(v);
    gradient_[v.index] = before ? graph_.add(Add{}, {before, gradient}) : gradient;
  }

 private:
  Graph& graph_;
  std::map<int, ValueId> gradient_;
};

/// Hands dy to the inputs of an op whose gradient is dy itself.
void pass(Graph& graph, const Node& node, ValueId dy, const std::vector<bool>& mark,
          GradientSums& gradients) {
  for (ValueId x : node.inputs) {
    if (!mark[x.index]) continue;
    const Shape& shape = graph.desc(x).shape;
    gradients.add(x, shape == graph.desc(dy).shape ? dy : graph.add(Reshape{shape}, {dy}));
  }
}

/// The outputs from which gradients reach the inputs, the first of the node being the first.
std::vector<ValueId> differentiable_outputs(const Node& node, const OpSpec& s) {
  std::vector<ValueId> out = {node.outputs.front()};
  for (std::string_view name : s.further_dy)
    out.push_back(node.outputs[std::ranges::find(s.outputs, name) - s.outputs.begin()]);
  return out;
}

void differentiate(Graph& graph, const Node& node, const std::vector<ValueId>& dy,
                   const std::vector<bool>& mark, GradientSums& gradients) {
  std::vector<ValueId> wanted;
  for (ValueId x : node.inputs) {
    if (x && mark[x.index]) wanted.push_back(x);
  }
  const OpSpec& s = spec(node.op);
  const Node gradient = graph.add_gradient(node.outputs.front(), dy, wanted);
  for (std::size_t i = 0; i < gradient.outputs.size(); ++i) {
    if (!gradient.outputs[i]) continue;
    const std::size_t input = s.inputs[0].ends_with('*')
                                  ? i
                                  : std::ranges::find(s.inputs, s.gradients[i]) - s.inputs.begin();
    gradients.add(node.inputs[input], gradient.outputs[i]);
  }
}

}  // namespace

std::vector<Gradient> add_gradients(Graph& graph, ValueId loss, std::span<const ValueId> wrt) {
  const TensorDesc& d = graph.desc(loss);
  if (d.shape.rank() != 0 || d.dtype != DType::float32)
    throw ShapeError(str("loss must be one number per image, (), got ", d.shape, ' ', d.dtype));
  const std::vector<bool> mark = reached(graph, wrt);
  GradientSums gradients(graph);

  const std::vector<Node> forward(graph.nodes().begin(), graph.nodes().end());
  gradients.add(loss, graph.add(InitialGradient{d.batched}));
  for (auto node = forward.rbegin(); node != forward.rend(); ++node) {
    const OpSpec& s = spec(node->op);
    if (node->outputs.empty() || node->gradient_of) continue;
    std::vector<ValueId> dy;
    for (ValueId y : differentiable_outputs(*node, s))
      dy.push_back(y && mark[y.index] ? gradients.get(y) : ValueId{});
    if (std::ranges::none_of(dy, [](ValueId v) { return bool(v); })) continue;
    if (s.passes_gradient) {
      pass(graph, *node, dy.front(), mark, gradients);
    } else if (!s.gradients.empty()) {
      differentiate(graph, *node, dy, mark, gradients);
    }
  }
  std::vector<Gradient> out;
  for (ValueId v : wrt) out.push_back({v, gradients.get(v)});
  return out;
}

std::vector<Gradient> add_gradient(Graph& graph, ValueId y, ValueId dy) {
  const Node node = graph.producer(y);
  const OpSpec& s = spec(node.op);
  if (node.gradient_of || s.gradients.empty())
    throw ShapeError(str("gradient: no gradient passes ", graph.print(node)));
  std::vector<ValueId> dys = differentiable_outputs(node, s);
  if (std::ranges::find(dys, y) == dys.end())
    throw ShapeError(str("gradient: no gradient passes this output of ", graph.print(node)));
  if (graph.desc(dy) != graph.desc(y))
    throw ShapeError(
        str("gradient: dy must be like y ", graph.desc(y).shape, ", got ", graph.desc(dy).shape));
  std::ranges::transform(dys, dys.begin(), [&](ValueId v) { return v == y ? dy : ValueId{}; });
  const std::vector<bool> all(graph.value_count(), true);
  GradientSums gradients(graph);
  if (s.passes_gradient)
    pass(graph, node, dy, all, gradients);
  else
    differentiate(graph, node, dys, all, gradients);
  std::vector<Gradient> out;
  for (ValueId x : node.inputs) {
    if (x && gradients.get(x)) out.push_back({x, gradients.get(x)});
  }
  return out;
}

std::vector<ValueId> parameters(const Graph& graph) {
  std::vector<ValueId> out;
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<Parameter>(node.op)) out.push_back(node.outputs[0]);
  }
  return out;
}

}  // namespace mpsnn
