#include <algorithm>

#include "backend/metal/translation.hpp"
#include "ops/op_spec.hpp"
#include "ops/recurrent.hpp"
#include "passes/schedule.hpp"

/// How a Translation puts a sequence between its images.
namespace mpsnn::metal {

/// Where the rows of each gate are: in one parameter, or in several that a concat joins.
std::vector<GateRows> Translation::gate_rows(Parameters& to, const Node& node, std::size_t input,
                                             std::size_t gates) {
  std::vector<GateRows> out(gates);
  if (input >= node.inputs.size() || !node.inputs[input]) return out;
  const auto shared =
      std::ranges::find_if(all_parameters, [&](const auto& p) { return p.get() == &to; });
  const NSUInteger block =
      static_cast<NSUInteger>(graph.desc(node.inputs[input]).shape.size()) / gates;
  const Node& joined = graph.producer(graph.root(node.inputs[input]));
  const bool several = std::holds_alternative<Concat>(joined.op);
  const std::vector<ValueId> parts =
      several ? joined.inputs : std::vector<ValueId>{node.inputs[input]};
  std::size_t gate = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Node& parameter = *parameter_of(graph, parts[i]);
    add_tensor(*shared, parameter, node,
               several ? gradient_of_input(joined, i) : gradient_of_input(node, input));
    const int tensor = static_cast<int>(to.tensors.size()) - 1;
    const NSUInteger elements = to.tensors.back().master.elements;
    for (NSUInteger first = 0; first + block <= elements && gate < gates; first += block)
      out[gate++] = {tensor, first};
  }
  return out;
}

std::shared_ptr<Parameters> Translation::gate_parameters(const Node& node, GatePlan& plan) {
  auto out = parameters_of(node);
  const recurrent::Layout layout(node.op, graph.desc(node.inputs[0]).shape,
                                 graph.desc(node.inputs[1]).shape);
  const auto gates = static_cast<std::size_t>(layout.gates);
  plan.weight = gate_rows(*out, node, 1, gates);
  plan.recurrent = gate_rows(*out, node, 2, gates);
  plan.bias = gate_rows(*out, node, 3, gates);
  if (std::holds_alternative<Lstm>(node.op) && node.inputs[layout.extra]) {
    plan.peephole = gate_rows(*out, node, layout.extra, gates);
    plan.diagonal = graph.desc(node.inputs[layout.extra]).shape.rank() == 1;
  }
  return out;
}

/// What a sequence computes, for the graphs.
MPSNNImageNode* Translation::add_sequence_source(ValueId value, const Shape& shape) {
  MPSNNImageNode* image = add_source(value, shape);
  image.format = MPSImageFeatureChannelFormatFloat32;
  sources.back().of_sequence = true;
  return image;
}

void Translation::sequence(const Node& node) {
  level_ = std::max(levels.of(node.inputs[0]), 0);
  Sequence at{.node = &node,
              .layer = nullptr,
              .x = image(node.inputs[0]),
              .y = nil,
              .dy = nil,
              .dx = nil,
              .level = level_};
  GatePlan plan;
  auto parameters = gate_parameters(node, plan);
  at.layer = std::make_shared<SequenceLayer>(graph, node, std::move(plan), parameters, batch_);
  at.x.format = MPSImageFeatureChannelFormatFloat32;  // as matrices are
  at.y = add_sequence_source(node.outputs[0], at.layer->y_shape);
  Forward made;
  made.result = at.y;
  if (const ValueId h = node.outputs[1]) {
    // The last state is the last step of y.
    const recurrent::Layout layout(node.op, graph.desc(node.inputs[0]).shape,
                                   graph.desc(node.inputs[1]).shape);
    const Shape one{1, 1, at.layer->y_shape[2]};
    const int last = layout.reverse ? 0 : static_cast<int>(layout.T) - 1;
    images_[home(h)] = {keep(crop(made.tape, at.y, one, {0, last}, {})), one};
  }
  forward_[node.outputs[0].index] = std::move(made);
  sequences.push_back(at);
}

/// Its gradient node reads dy first, and dh behind what is saved.
void Translation::sequence_gradient(const Node& node, Sequence& at) {
  const OpSpec& s = spec(node.op);
  const std::size_t dh_at = 1 + s.saved.size();
  const ValueId dh = dh_at < node.inputs.size() ? node.inputs[dh_at] : ValueId{};
  MPSNNImageNode* dy = node.inputs[0] ? image(node.inputs[0]) : nil;
  if (dh) {
    const ValueId h = at.node->outputs[1];
    const Tape::Gradients gradients =
        forward_.at(at.node->outputs[0].index)
            .tape.differentiate(as_it_is(h).node, image(dh), {at.y}, gradient_format);
    for (const auto& filter : gradients.filters) kept.push_back(filter);
    MPSNNImageNode* through = gradients.of[0];
    if (dy != nil) {
      MPSNNAdditionNode* sum = [MPSNNAdditionNode nodeWithLeftSource:dy rightSource:through];
      kept.push_back(keep(sum));
      through = sum.resultImage;
    }
    dy = through;
  }
  read_.push_back(dy);
  at.dy = dy;
  dy.format = MPSImageFeatureChannelFormatFloat32;
  if (const ValueId dx = node.outputs[0]) at.dx = add_sequence_source(dx, at.layer->x_shape);
}

}  // namespace mpsnn::metal
