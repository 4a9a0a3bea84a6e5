#include "backend/metal/refusals.hpp"

#include <algorithm>

#include "backend/metal/loss_plan.hpp"
#include "backend/metal/updates.hpp"
#include "backend/node_kinds.hpp"
#include "ops/recurrent.hpp"
#include "passes/schedule.hpp"

namespace mpsnn::metal {
namespace {

struct Check {
  const Graph& graph;
  const Node& node;

  const Shape& shape(int i) const { return graph.desc(node.inputs[i]).shape; }
  /// One state brings the gradients of a node's parameters to their data source.
  bool differentiated_twice() const {
    const auto own = [&](const Node& other) {
      return other.gradient_of && other.gradient_of == node.outputs[0];
    };
    return std::ranges::count_if(graph.nodes(), own) > 1;
  }
  /// Inputs from `first` on must be parameters, or absent.
  std::string parameters(int first, int last) const {
    if (differentiated_twice()) return "has two gradient nodes, where MPS has one";
    const OpSpec& s = spec(node.op);
    for (int i = first; i <= last && i < static_cast<int>(node.inputs.size()); ++i)
      if (node.inputs[i] && !parameter_of(graph, node.inputs[i]))
        return str(s.inputs[i], " must be a parameter itself, not computed from one");
    return {};
  }

  std::string operator()(const Conv2d& op) const {
    return convolution(op.groups, op.accumulator, false);
  }
  std::string operator()(const ConvTranspose2d& op) const {
    if (op.dilation != Size2{}) return "MPS has no dilation of a transposed convolution";
    return convolution(op.groups, op.accumulator, true);
  }
  std::string convolution(int groups, Accumulator, bool) const {
    const Dim channels = shape(0)[2], filters = shape(1)[0];
    const bool depthwise = groups > 1 && groups == channels;
    if (depthwise && filters != channels)
      return str("a depthwise convolution has one filter per channel, not ", filters / channels);
    if (!depthwise && groups > 1 && (channels / groups % 4 || filters / groups % 4))
      return str("a group has a multiple of 4 channels, in and out, not ", channels / groups,
                 " and ", filters / groups);
    return parameters(1, 2);
  }
  std::string operator()(const Dense&) const { return parameters(1, 2); }
  std::string operator()(const PRelu&) const { return parameters(1, 1); }
  std::string operator()(const BatchNorm&) const { return parameters(1, 4); }
  std::string operator()(const GroupNorm&) const { return parameters(1, 2); }
  std::string operator()(const Concat&) const { return {}; }
  std::string operator()(const Reduce& op) const {
    if (op.kind == Reduce::Kind::argmin || op.kind == Reduce::Kind::argmax)
      return "MPS gives positions as no image";
    const bool extreme = op.kind == Reduce::Kind::min || op.kind == Reduce::Kind::max;
    if (extreme && (op.axes >> (shape(0).rank() - 1) & 1))
      return "MPS differentiates no minimum or maximum over channels";
    return {};
  }
  std::string operator()(const Resize& op) const {
    const Shape& x = shape(0);
    if (op.size.h % x[0] || op.size.w % x[1])
      return str("MPS differentiates only a resize by whole factors, not of ", x[0], " by ", x[1],
                 " to ", op.size.h, " by ", op.size.w);
    if (op.coordinates == Resize::Coordinates::half_pixel)
      return "MPS has no half-pixel coordinates";
    if (op.mode == Resize::Mode::nearest && op.coordinates != Resize::Coordinates::asymmetric)
      return "MPS has nearest pixels in asymmetric coordinates alone";
    return {};
  }
  std::string operator()(const Loss&) const { return loss_refusal(graph, node); }
  std::string operator()(const YoloLoss&) const { return loss_refusal(graph, node); }
  std::string operator()(const Neuron&) const { return {}; }
  std::string operator()(const Rnn& op) const { return sequence({op.neuron}); }
  std::string operator()(const Lstm& op) const {
    return sequence({op.input_gate, op.forget_gate, op.cell_gate, op.output_gate, op.hidden});
  }
  std::string operator()(const Gru& op) const {
    if (op.reset_after) return "MPS resets the state before the product, not after it";
    return sequence({op.update_gate, op.reset_gate, op.candidate});
  }
  std::string operator()(const Mgu& op) const { return sequence({op.update_gate, op.candidate}); }
  std::string sequence(const std::vector<Neuron>& neurons) const {
    const recurrent::Layout layout(node.op, shape(0), shape(1));
    for (int i = 1; i < layout.initial_h; ++i)
      if (node.inputs[i] && !parameter_of(graph, node.inputs[i]) &&
          !joins_parameters(graph, graph.producer(graph.root(node.inputs[i]))))
        return str(spec(node.op).inputs[i],
                   " must be a parameter, or parameters one below another");
    for (int i = layout.initial_h; i < layout.inputs; ++i)
      if (node.inputs[i])
        return str("MPS starts at zero and runs to the end: it takes no ", spec(node.op).inputs[i]);
    for (const Neuron& n : neurons)
      if (n.kind == Neuron::Kind::silu || n.kind == Neuron::Kind::clamp)
        return str("MPS has no neuron ", n.spec().name, " in a recurrent layer");
    if (std::holds_alternative<Lstm>(node.op) && node.outputs[2])
      return "MPS hands out no last cell";
    return {};
  }
  template <class T>
  std::string operator()(const T&) const {
    return {};
  }
};

/// Inputs that are no parameters must be images.
std::string of_inputs(const Graph& graph, const Node& node) {
  const OpSpec& s = spec(node.op);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i]) continue;
    const TensorDesc& d = graph.desc(node.inputs[i]);
    const std::string_view name = s.inputs[std::min(i, s.inputs.size() - 1)];
    if (d.batched && d.shape.rank() > 3)
      return str(name, ' ', d.shape, " has four axes: an image has three");
    const bool weights = i > 0 && std::ranges::any_of(s.inputs, [](std::string_view n) {
                           return n == "weight" || n == "recurrent_weight" || n == "gamma?" ||
                                  n == "gamma" || n == "slope";
                         });
    if (!d.batched && !weights)
      return str(name, ' ', d.shape, " is one value for all images, and no image");
  }
  return {};
}

}  // namespace

bool knows(const Op& op) {
  if (const auto* reduce = std::get_if<Reduce>(&op))
    return reduce->kind != Reduce::Kind::argmin && reduce->kind != Reduce::Kind::argmax;
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        constexpr bool none = std::is_same_v<T, MatMul> || std::is_same_v<T, Transpose> ||
                              std::is_same_v<T, CropAndResize> || std::is_same_v<T, GridSample> ||
                              std::is_same_v<T, LayerNorm> || std::is_same_v<T, BatchReduce> ||
                              std::is_same_v<T, FoldBatchNorm>;
        return !none;
      },
      op);
}

std::string refusal(const Graph& graph, const Node& node) {
  if (is_variable(node) || is_source(node) || node.gradient_of || write_count(node) > 0 ||
      std::holds_alternative<PrepareGradient>(node.op) ||
      std::holds_alternative<ClipScale>(node.op) ||
      std::holds_alternative<InitialGradient>(node.op))
    return {};
  const TensorDesc& y = graph.desc(node.outputs[0]);
  if (!y.batched) {
    // The gradients of parameters are the host's.
    const bool of_gradients = std::ranges::all_of(node.inputs, [&](ValueId v) {
      return graph.producer(graph.root(v)).gradient_of || parameter_of(graph, v);
    });
    return of_gradients && spec(node.op).view ? ""
           : of_gradients                     ? ""
                                              : "is one value for the batch";
  }
  if (!knows(node.op)) return "MPS has no such node";
  if (y.shape.rank() > 3) return str("y ", y.shape, " has four axes: an image has three");
  if (std::string why = of_inputs(graph, node); !why.empty()) return why;
  return std::visit(Check{graph, node}, node.op);
}

}  // namespace mpsnn::metal
