#include <algorithm>

#include "mpsnn/profile.hpp"
#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

/// The inputs of the forward node: of a gradient node those that it reads or writes gradients of.
std::vector<TensorDesc> forward_inputs(const Graph& graph, const Node& node) {
  const OpSpec& s = spec(node.op);
  std::vector<TensorDesc> out;
  const auto add = [&](ValueId v) { out.push_back(v ? graph.desc(v) : absent); };
  if (!node.gradient_of) {
    for (ValueId v : node.inputs) add(v);
    return out;
  }
  for (std::string_view name : s.inputs) {
    const auto saved = std::ranges::find(s.saved, name) - s.saved.begin() + 1;  // behind dy
    const auto gradient = std::ranges::find(s.gradients, name) - s.gradients.begin();
    ValueId found = saved < std::ssize(node.inputs) && saved <= std::ssize(s.saved)
                        ? node.inputs[saved]
                        : ValueId{};
    if (!found && gradient < std::ssize(node.outputs)) found = node.outputs[gradient];
    add(found);
  }
  return out;
}

std::uint64_t flops(const Graph& graph, const Node& node, int images) {
  const OpSpec& s = spec(node.op);
  if (!s.multiply_adds) return 0;
  const ValueId y = node.gradient_of ? node.gradient_of : node.outputs[0];
  const MultiplyAdds n =
      s.multiply_adds(node.op, forward_inputs(graph, node), graph.desc(y), images);
  if (!node.gradient_of) return 2 * n.y;
  std::uint64_t sum = n.any_gradient;
  const std::size_t known = std::min(n.gradients.size(), node.outputs.size());
  for (std::size_t i = 0; i < known; ++i) sum += node.outputs[i] ? n.gradients[i] : 0;
  return 2 * sum;
}

/// What a concat, or its gradient, copies: the pieces that are not in their place already.
bool is_in_place(const Graph& graph, ValueId piece, const Node& node) {
  const Part* part = graph.part(piece);
  const std::vector<ValueId>& wholes = node.gradient_of ? node.inputs : node.outputs;
  return part && std::ranges::count(wholes, part->whole) > 0;
}

class Bytes {
 public:
  Bytes(const Graph& graph, const Node& node, int images, DType floating)
      : graph_(graph), node_(node), images_(images), floating_(floating) {}

  std::uint64_t all() const {
    const OpSpec& s = spec(node_.op);
    if (s.view) return 0;
    if (std::holds_alternative<Concat>(node_.op)) return copied();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const auto at = node_.inputs.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(node_.inputs.begin(), at, *at) == at) sum += of(*at);
      if (static_cast<int>(i) < s.writes) sum += of(*at);
    }
    for (ValueId v : node_.outputs) sum += of(v);
    if (const auto* input = std::get_if<Input>(&node_.op); input && !node_.outputs.empty())
      sum += graph_.desc(node_.outputs[0]).elements(images_) * size_of(input->dtype);
    return sum;
  }

 private:
  std::uint64_t of(ValueId v) const {
    if (!v) return 0;
    const TensorDesc& d = graph_.desc(v);
    return d.elements(images_) * size_of(d.dtype == DType::float32 ? floating_ : d.dtype);
  }
  std::uint64_t copied() const {
    std::uint64_t sum = 0;
    for (ValueId v : node_.gradient_of ? node_.outputs : node_.inputs)
      if (v && !is_in_place(graph_, v, node_)) sum += 2 * of(v);
    return sum;
  }

  const Graph& graph_;
  const Node& node_;
  const int images_;
  const DType floating_;
};

DType reduced(const Graph& graph, const Node& node) {
  for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs}) {
    for (ValueId v : *values) {
      const DType dtype = v ? graph.desc(v).dtype : DType::float32;
      if (dtype == DType::bfloat16 || dtype == DType::float16) return dtype;
    }
  }
  return DType::float32;
}

}  // namespace

Work work(const Graph& graph, const Node& node, int images, DType floating) {
  return {flops(graph, node, images), Bytes(graph, node, images, floating).all(),
          reduced(graph, node)};
}

}  // namespace mpsnn
