#include "backend/metal/translation.hpp"

#include <algorithm>

#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

bool is_update(const Node& node) {
  return write_count(node) > 0 || std::holds_alternative<PrepareGradient>(node.op) ||
         std::holds_alternative<ClipScale>(node.op);
}

}  // namespace

Translation::Translation(const Graph& g, Gpu& gpu_, MetalSession& session,
                         const UpdatePlan& updates, const CurrentRun& current,
                         std::span<const ValueId> outputs, const CompileOptions& options)
    : graph(g),
      gpu(gpu_),
      levels(g),
      gradient_format(channel_format(options.precision.gradients)),
      session_(session),
      updates_(updates),
      current_(current),
      outputs_(outputs.begin(), outputs.end()),
      slots_(options.in_flight),
      batch_(options.batch) {
  for (const Node& node : graph.nodes()) translate(node);
  update_frozen_statistics();
}

/// MPS hands out the statistics of a batch with the gradient of the node. Where that is not wanted,
/// it is made of any image of the right size, and not read.
void Translation::update_frozen_statistics() {
  for (const auto& [y, nodes] : updates_.running) {
    const Forward& made = forward_.at(y);
    const auto wanted = [&, at = y](const Node& n) { return n.gradient_of.index == at; };
    if (std::ranges::any_of(graph.nodes(), wanted)) continue;
    const Tape::Gradients gradients =
        made.tape.differentiate(made.result, made.result, made.inputs, gradient_format);
    for (const auto& filter : gradients.filters) {
      kept.push_back(filter);
      updating_.emplace_back(filter.get().resultImage, levels.of({y}));
    }
  }
}

void Translation::translate(const Node& node) {
  if (is_variable(node) || is_update(node) || std::holds_alternative<Scalar>(node.op) ||
      std::holds_alternative<InitialGradient>(node.op) || std::holds_alternative<Labels>(node.op))
    return;  // the last two are sources for those who read them
  level_ = std::max(levels.of(node.gradient_of ? node.gradient_of : node.outputs[0]), 0);
  if (node.gradient_of) return gradient(node);
  if (!graph.desc(node.outputs[0]).batched) return;  // of parameters, for the host's updates
  if (std::holds_alternative<Input>(node.op)) {
    add_source(node.outputs[0], image_shape(graph.desc(node.outputs[0]).shape));
    return;
  }
  if (std::holds_alternative<Reshape>(node.op)) {
    // What is no image, such as the gradient of the loss itself, nobody reads.
    const ValueId from = node.inputs[0];
    const Op& source = graph.producer(from).op;
    if (images_.contains(home(from)) || std::holds_alternative<Labels>(source) ||
        std::holds_alternative<InitialGradient>(source))
      images_[home(node.outputs[0])] = as_it_is(from);
    return;
  }
  if (is_sequence(node.op)) return sequence(node);
  forward(node);
}

const Image& Translation::as_it_is(ValueId value) {
  if (const int at = levels.of(value); at != Levels::any && at != level_) return carry_over(value);
  return at_home(value);
}

/// An image of another level, as a source of this one.
const Image& Translation::carry_over(ValueId value) {
  const Key here{value.index, level_};
  if (const auto it = images_.find(here); it != images_.end()) return it->second;
  const Image from = at_home(value);
  const auto image = keep([MPSNNImageNode nodeWithHandle:nil]);
  sources.push_back({.value = value, .shape = from.shape, .node = image, .from = from.node});
  read_.push_back(from.node);
  return images_[here] = {image, from.shape};
}

const Image& Translation::at_home(ValueId value) {
  const auto it = images_.find(home(value));
  if (it != images_.end()) return it->second;
  const Node& node = graph.producer(value);
  if (!std::holds_alternative<Labels>(node.op) && !std::holds_alternative<InitialGradient>(node.op))
    throw UnsupportedError(str("metal: ", graph.print(node), " gives no image"));
  // Labels, weights and the gradient of the loss are not rounded.
  add_source(value, image_shape(graph.desc(value).shape)).format =
      MPSImageFeatureChannelFormatFloat32;
  return images_.at(home(value));
}

MPSNNImageNode* Translation::add_source(ValueId value, const Shape& shape) {
  const auto image = keep([MPSNNImageNode nodeWithHandle:nil]);
  sources.push_back({.value = value, .shape = shape, .node = image});
  images_[home(value)] = {image, shape};
  return image;
}

MPSNNImageNode* Translation::image_as(ValueId value, const Shape& shape) {
  const Image at = as_it_is(value);
  if (at.shape == shape) return at.node;
  MPSNNReshapeNode* node = [MPSNNReshapeNode nodeWithSource:at.node
                                                resultWidth:static_cast<NSUInteger>(shape[1])
                                               resultHeight:static_cast<NSUInteger>(shape[0])
                                      resultFeatureChannels:static_cast<NSUInteger>(shape[2])];
  node.resultImage.format = at.node.get().format;
  kept.push_back(keep(node));
  read_.push_back(at.node);
  images_[{value.index, levels.of(value) == Levels::any ? Levels::any : level_}] = {
      keep(node.resultImage), shape};
  return node.resultImage;
}

void Translation::forward(const Node& node) {
  Forward made;
  made.inputs.assign(node.inputs.size(), nil);
  made.shapes.resize(node.inputs.size());
  made.shape = image_shape(graph.desc(node.outputs[0]).shape);
  NodeContext context{*this,       node,       made.tape,      made.inputs,
                      made.shapes, made.shape, made.parameters};
  made.result = translate_node(context);
  if (std::holds_alternative<Loss>(node.op) && made.result != nil)
    made.result.format = MPSImageFeatureChannelFormatFloat32;
  if (made.result != nil) images_[home(node.outputs[0])] = {keep(made.result), made.shape};
  forward_[node.outputs[0].index] = std::move(made);
}

void Translation::gradient(const Node& node) {
  for (Sequence& at : sequences)
    if (at.node->outputs[0] == node.gradient_of) return sequence_gradient(node, at);
  for (LossNode& loss : losses) {
    if (loss.value != node.gradient_of) continue;
    loss.differentiated = true;
    MPSNNImageNode* dx = loss.filter.get().resultImage;
    dx.format = gradient_format;
    images_[home(node.outputs[0])] = {keep(dx), image_shape(graph.desc(node.outputs[0]).shape)};
    return;
  }
  const auto at = forward_.find(node.gradient_of.index);
  // A concat may have become part of another since.
  if (std::holds_alternative<Concat>(node.op) && graph.desc(node.inputs[0]).batched &&
      (at == forward_.end() || at->second.inputs.size() != node.outputs.size()))
    return take_apart(node);
  if (at == forward_.end()) return;  // of parameters, for the host's updates
  const Forward& made = at->second;
  const Tape::Gradients gradients = made.tape.differentiate(
      made.result, image_as(node.inputs[0], made.shape), made.inputs, gradient_format);
  for (const auto& filter : gradients.filters) kept.push_back(filter);
  read_.insert(read_.end(), gradients.read.begin(), gradients.read.end());
  const OpSpec& s = spec(node.op);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const bool any = s.inputs[0].ends_with('*');
    const std::size_t input =
        any ? i : std::ranges::find(s.inputs, s.gradients[i]) - s.inputs.begin();
    if (!node.outputs[i] || made.inputs[input] == nil || gradients.of[input] == nil) continue;
    images_[home(node.outputs[i])] = {keep(gradients.of[input]), made.shapes[input]};
  }
  if (made.parameters)
    for (const auto& filter : gradients.filters)
      updating_.emplace_back(filter.get().resultImage, levels.of(node.gradient_of));
}

std::vector<MPSNNImageNode*> Translation::leaves(int level) const {
  std::vector<MPSNNImageNode*> out;
  for (const auto& [image, of] : updating_)
    if (of == level && std::ranges::find(read_, image) == read_.end()) out.push_back(image);
  return out;
}

Region Translation::region(const Node& variable) const {
  const StoredVariable& stored = session_.variable(variable.label);
  return gpu.memory->region(stored.buffer.get(), stored.info.shape.size());
}

/// The gradient of an input of a forward node; absent if the graph has none.
ValueId Translation::gradient_of_input(const Node& forward, std::size_t input) const {
  for (const Node& node : graph.nodes()) {
    if (!node.gradient_of || node.gradient_of != forward.outputs[0]) continue;
    const OpSpec& s = spec(node.op);
    if (s.inputs[0].ends_with('*')) return node.outputs[input];
    const auto place = std::ranges::find(s.gradients, s.inputs[input]) - s.gradients.begin();
    return place < static_cast<long>(node.outputs.size()) ? node.outputs[place] : ValueId{};
  }
  return {};
}

/// A parameter that `reader` reads, with what is to be done with its gradient.
void Translation::add_tensor(const std::shared_ptr<Parameters>& to, const Node& parameter,
                             const Node& reader, ValueId gradient) {
  Parameters::Tensor& tensor = to->tensors.emplace_back();
  tensor.master = region(parameter);
  if (!gradient) return;
  if (const auto at = updates_.device.find(gradient.index); at != updates_.device.end()) {
    std::vector<Region> states;
    const std::vector<ValueId>& all = at->second.rule.inputs;
    for (std::size_t i = 1; i + 2 < all.size(); ++i)
      if (all[i]) states.push_back(region(graph.producer(all[i])));
    tensor.rule = make_rule(gpu.device, at->second, tensor.master, states);
    if (current_.finite)
      tensor.check = current_.finite->add(parameter.label, tensor.master.elements);
  }
  const bool wanted =
      std::ranges::any_of(outputs_, [&](ValueId v) { return graph.root(v) == gradient; });
  if (!wanted && std::ranges::count(updates_.host_gradients, gradient) == 0) return;
  for (int slot = 0; slot < slots_; ++slot)
    tensor.gradients.push_back(new_region(gpu.device, tensor.master.elements));
  Captured at{to, static_cast<int>(to->tensors.size()) - 1};
  const Shape& weight = std::get<Parameter>(parameter.op).shape;
  if (std::holds_alternative<ConvTranspose2d>(reader.op) && weight.rank() == 4) {
    at.taps = weight[1] * weight[2];
    at.inner = weight[3];
  }
  captured[gradient.index] = std::move(at);
}

std::shared_ptr<Parameters> Translation::parameters_of(const Node& node) {
  auto out = std::make_shared<Parameters>(
      node.label.empty() ? str(name(node.op), ' ', node.outputs[0].index) : node.label, gpu,
      current_);
  all_parameters.push_back(out);
  return out;
}

std::shared_ptr<Parameters> Translation::parameters(const Node& node,
                                                    const std::vector<int>& inputs) {
  auto out = parameters_of(node);
  for (int i : inputs) {
    if (i >= static_cast<int>(node.inputs.size()) || !node.inputs[i]) {
      out->tensors.emplace_back();
      continue;
    }
    const Node* parameter = parameter_of(graph, node.inputs[i]);
    if (!parameter)
      throw UnsupportedError(
          str("metal: ", graph.print(node), ": ", spec(node.op).inputs[i], " is no parameter"));
    add_tensor(out, *parameter, node, gradient_of_input(node, i));
  }
  return out;
}

void Translation::add_running(const Node& norm, Parameters& parameters) {
  const auto at = updates_.running.find(norm.outputs[0].index);
  if (at == updates_.running.end()) return;
  for (const Node& node : at->second) {
    const auto& op = std::get<Running>(node.op);
    const MovingAverage average(gpu.device, op.keep, region(graph.producer(node.inputs[0])));
    if (node.inputs[1] == norm.outputs[1]) {
      parameters.running_mean = average;
    } else {
      parameters.running_variance = average;
      parameters.unbiased_pixels = op.unbiased_pixels;
    }
  }
}

MPSNNImageNode* NodeContext::image(int i) {
  MPSNNImageNode* found = all.image(node.inputs[i]);
  if (std::ranges::find(inputs, found) != inputs.end()) {
    // The gradients of the two are asked for one by one.
    MPSNNNeuronDescriptor* same =
        [MPSNNNeuronDescriptor cnnNeuronDescriptorWithType:MPSCNNNeuronTypeLinear a:1 b:0];
    MPSNNFilterNode* copy = [MPSCNNNeuronNode nodeWithSource:found descriptor:same];
    hold(copy);
    found = copy.resultImage;
  }
  shapes[i] = in(i);
  return inputs[i] = found;
}

const Image& NodeContext::as_it_is(int i) {
  const Image& found = all.as_it_is(node.inputs[i]);
  inputs[i] = found.node;
  shapes[i] = found.shape;
  return found;
}

Parameters& NodeContext::lend(const std::vector<int>& at) {
  parameters = all.parameters(node, at);
  return *parameters;
}

MPSNNImageNode* NodeContext::neuron(MPSNNImageNode* x, MPSCNNNeuronType type, float a, float b,
                                    float c) {
  MPSNNNeuronDescriptor* d = [MPSNNNeuronDescriptor cnnNeuronDescriptorWithType:type a:a b:b c:c];
  return tape.add([MPSCNNNeuronNode nodeWithSource : x descriptor : d], { x });
}

}  // namespace mpsnn::metal
