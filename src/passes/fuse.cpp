#include <algorithm>
#include <functional>

#include "mpsnn/training.hpp"
#include "ops/mask_bits.hpp"
#include "ops/op_spec.hpp"
#include "passes/rewrite.hpp"

namespace mpsnn {
namespace {

/// A graph under rewriting: nodes that change in place or go.
class Fusion {
 public:
  Fusion(const Graph& graph, std::span<const ValueId> keep, const FusionTest& can_fuse)
      : graph_(graph),
        keep_(keep),
        can_fuse_(can_fuse),
        nodes_(graph.nodes().begin(), graph.nodes().end()) {}

  Graph run() {
    each_neuron([&](Node& neuron) { fuse_into_batch_norm(neuron); });
    each_neuron([&](Node& neuron) { swap_gradient_with_pool(neuron); });
    each_neuron([&](Node& neuron) { swap_with_pool(neuron); });
    each_neuron([&](Node& neuron) { fuse_forward(neuron); });
    std::erase_if(nodes_,
                  [](const Node& n) { return n.outputs.empty() && spec(n.op).writes == 0; });
    return graph_.with_nodes(std::move(nodes_));
  }

 private:
  /// Calls f for every neuron of the forward pass that is still there.
  void each_neuron(const std::function<void(Node&)>& f) {
    for (Node& node : nodes_) {
      if (std::holds_alternative<Neuron>(node.op) && !node.gradient_of && !node.outputs.empty())
        f(node);
    }
  }
  static bool is_relu(const Node& node) { return std::get<Neuron>(node.op) == Neuron{}; }

  Node* producer(ValueId v) {
    if (!v) return nullptr;
    const auto it = std::ranges::find_if(
        nodes_, [&](const Node& n) { return std::ranges::count(n.outputs, v) > 0; });
    return it == nodes_.end() ? nullptr : &*it;
  }
  Node* gradient_of(ValueId output) {
    const auto it = std::ranges::find_if(
        nodes_, [&](const Node& n) { return n.gradient_of == output && !n.outputs.empty(); });
    return it == nodes_.end() ? nullptr : &*it;
  }
  bool read_once(ValueId v) const {
    return read_counts(nodes_, graph_.value_count(), keep_)[v.index] == 1;
  }
  static void remove(Node& node) { node.outputs.clear(); }

  /// An op, then a neuron: one node that writes the neuron's output.
  void fuse_forward(Node& neuron) {
    Node* before = producer(neuron.inputs[0]);
    if (!before || before->gradient_of || !read_once(neuron.inputs[0])) return;
    const auto& op = std::get<Neuron>(neuron.op);
    Activation* end = activation_of(before->op);
    if (!end || *end || !can_fuse_(before->op, op)) return;
    // A training batch_norm was joined together with its gradient, or not at all.
    if (const auto* norm = std::get_if<BatchNorm>(&before->op); norm && norm->training) return;
    *end = op;
    replace_output(*before, neuron);
  }

  /// Where an op keeps its neuron; null if it cannot have one.
  static Activation* activation_of(Op& op) {
    return std::visit(
        [](auto& o) -> Activation* {
          if constexpr (requires { o.activation; })
            return &o.activation;
          else
            return nullptr;
        },
        op);
  }

  /// `before` writes what `relu` wrote; gradient nodes keep pointing at it.
  void replace_output(Node& before, Node& relu) {
    const ValueId old = before.outputs[0];
    before.outputs[0] = relu.outputs[0];
    for (Node& node : nodes_) {
      if (node.gradient_of == old) node.gradient_of = relu.outputs[0];
    }
    remove(relu);
  }

  /// batch_norm, then relu; in training also their gradients, by a mask.
  void fuse_into_batch_norm(Node& relu) {
    Node* norm = producer(relu.inputs[0]);
    if (!is_relu(relu) || !norm || norm->gradient_of ||
        !std::holds_alternative<BatchNorm>(norm->op))
      return;
    if (!read_once(relu.inputs[0])) return;
    Node* relu_gradient = gradient_of(relu.outputs[0]);
    Node* norm_gradient = gradient_of(norm->outputs[0]);
    if (relu_gradient && !std::get<BatchNorm>(norm->op).training) return;  // there is no mask
    if (relu_gradient) {
      const ValueId dz = relu_gradient->outputs[0];
      if (!norm_gradient || norm_gradient->inputs[0] != dz || !read_once(dz)) return;
    }
    auto& op = std::get<BatchNorm>(norm->op);
    op.activation = std::get<Neuron>(relu.op);
    if (op.training) {
      TensorDesc mask = graph_.desc(norm->inputs[0]);
      mask.dtype = DType::uint8;
      mask.shape = mask_bits::shape(mask.shape);
      norm->outputs.resize(4);
      norm->outputs[3] = graph_.add_value(mask);
    }
    if (relu_gradient) {
      std::get<BatchNorm>(norm_gradient->op).activation = std::get<Neuron>(relu.op);
      norm_gradient->inputs[0] = relu_gradient->inputs[0];
      norm_gradient->inputs.back() = norm->outputs[3];
      remove(*relu_gradient);
    }
    replace_output(*norm, relu);
  }

  /// relu_gradient(max_pool2d_gradient(dp), y) = max_pool2d_gradient(relu_gradient(dp, p)),
  /// because a window hands its gradient to the one pixel whose value is p.
  void swap_gradient_with_pool(Node& relu) {
    Node* relu_gradient = is_relu(relu) ? gradient_of(relu.outputs[0]) : nullptr;
    if (!relu_gradient) return;
    Node* pool_gradient = producer(relu_gradient->inputs[0]);
    if (!pool_gradient || !pool_gradient->gradient_of) return;
    const auto* pool = std::get_if<MaxPool2d>(&pool_gradient->op);
    if (!pool || pool->edge != Edge::clamp || !read_once(relu_gradient->inputs[0])) return;
    const ValueId p = pool_gradient->gradient_of;
    const ValueId masked = graph_.add_value(graph_.desc(p));
    const ValueId dz = relu_gradient->outputs[0];
    Node moved = *relu_gradient;
    moved.inputs = {pool_gradient->inputs[0], p};
    moved.outputs = {masked};
    Node pooled = *pool_gradient;
    pooled.inputs[0] = masked;
    pooled.outputs = {dz};
    *pool_gradient = std::move(moved);  // the earlier of the two places
    *relu_gradient = std::move(pooled);
  }

  /// max_pool2d(leaky(x)) = leaky(max_pool2d(x)), as a leaky relu rises everywhere; the second has
  /// a part of the pixels. For one that no op before it could take as its end.
  void swap_with_pool(Node& neuron) {
    const auto& op = std::get<Neuron>(neuron.op);
    const Node* norm = producer(neuron.inputs[0]);
    if (op.kind != Neuron::Kind::relu || op.a <= 0 || !norm || norm->gradient_of ||
        !std::holds_alternative<BatchNorm>(norm->op))
      return;
    const ValueId x = neuron.inputs[0], y = neuron.outputs[0];
    Node* neuron_gradient = gradient_of(y);
    Node* pool_gradient = neuron_gradient ? producer(neuron_gradient->inputs[0]) : nullptr;
    if (!pool_gradient || !pool_gradient->gradient_of) return;
    const auto* pool_op = std::get_if<MaxPool2d>(&pool_gradient->op);
    Node* pool = producer(pool_gradient->gradient_of);
    const bool alone = read_counts(nodes_, graph_.value_count(), keep_)[y.index] == 2;
    if (!pool_op || pool_op->edge != Edge::clamp || pool->inputs[0] != y || !alone ||
        std::ranges::count(pool_gradient->inputs, y) > 0 || !read_once(pool_gradient->outputs[0]))
      return;
    const ValueId p = pool->outputs[0], pooled = graph_.add_value(graph_.desc(p));
    const ValueId dpooled = graph_.add_value(graph_.desc(p));
    std::swap(neuron, *pool);  // each in the other's place
    std::swap(*neuron_gradient, *pool_gradient);
    Node &first = neuron, &second = *pool;
    first.inputs[0] = x;
    first.outputs[0] = pooled;
    second.inputs = {pooled};
    second.outputs = {p};
    Node &late = *neuron_gradient, &early = *pool_gradient;  // of the pool; of the neuron
    const ValueId dx = early.outputs[0], dp = late.inputs[0];
    early.inputs = {dp, p};
    early.outputs = {dpooled};
    early.gradient_of = p;
    late.inputs[0] = dpooled;
    late.outputs = {dx};
    late.gradient_of = pooled;
  }

  Graph graph_;
  std::span<const ValueId> keep_;
  const FusionTest& can_fuse_;
  std::vector<Node> nodes_;
};

}  // namespace

bool any_fusion(const Op& before, const Neuron& neuron) {
  if (std::holds_alternative<BatchNorm>(before)) return neuron == Neuron{};
  return std::holds_alternative<Conv2d>(before) ||
         std::holds_alternative<ConvTranspose2d>(before) || std::holds_alternative<Dense>(before) ||
         std::holds_alternative<Add>(before);
}

Graph fuse(const Graph& graph, std::span<const ValueId> keep, const FusionTest& can_fuse) {
  return Fusion(graph, keep, can_fuse).run();
}

}  // namespace mpsnn
