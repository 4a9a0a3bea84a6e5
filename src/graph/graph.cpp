#include "mpsnn/graph.hpp"

#include <algorithm>

#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

bool optional(std::string_view input) { return input.ends_with('?'); }
bool variadic(const OpSpec& s) { return s.inputs.size() == 1 && s.inputs[0].ends_with('*'); }

int position(std::span<const std::string_view> names, std::string_view name) {
  const auto it = std::ranges::find(names, name);
  return it == names.end() ? -1 : static_cast<int>(it - names.begin());
}

/// The inputs that the gradients of `node` belong to, in the order of its spec.
std::vector<ValueId> differentiable(const Node& node, const OpSpec& s) {
  if (variadic(s)) return s.gradients.empty() ? std::vector<ValueId>{} : node.inputs;
  std::vector<ValueId> out;
  for (std::string_view name : s.gradients) out.push_back(node.inputs[position(s.inputs, name)]);
  return out;
}

ValueId saved_value(const Node& node, const OpSpec& s, std::string_view name) {
  if (const int i = position(s.inputs, name); i >= 0) return node.inputs[i];
  const int o = position(s.outputs, name);
  if (o < 0) throw Error(str(s.name, ": has no '", name, "' to save"));
  return o < static_cast<int>(node.outputs.size()) ? node.outputs[o] : ValueId{};
}

}  // namespace

ValueId Graph::add(const Op& op, std::span<const ValueId> inputs, std::string label) {
  const OpSpec& s = spec(op);
  std::vector<ValueId> all(inputs.begin(), inputs.end());
  if (!variadic(s)) {
    require(all.size() <= s.inputs.size(), op,
            str("takes at most ", s.inputs.size(), " inputs, got ", all.size()));
    all.resize(s.inputs.size());
  }
  std::vector<TensorDesc> descs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view name = s.inputs[std::min(i, s.inputs.size() - 1)];
    require(all[i] || optional(name), op, str("input '", name, "' is missing"));
    require(!all[i] || has(all[i]), op, str("input '", name, "' is not a value of this graph"));
    descs.push_back(all[i] ? desc(all[i]) : absent);
  }
  const bool variable = std::holds_alternative<Parameter>(op) || std::holds_alternative<State>(op);
  if (variable) {
    if (label.empty()) label = str(s.name, "_", nodes_.size());
    const auto same = [&](const Node& n) { return n.label == label; };
    require(std::ranges::none_of(nodes_, same), op, str("label '", label, "' is taken"));
  }
  const std::vector<TensorDesc> outputs = s.infer(op, descs);
  Node node{op, std::move(all), {}, {}, std::move(label)};
  for (const TensorDesc& d : outputs) node.outputs.push_back(add_value(d));
  const Node& added = append(std::move(node));
  return added.outputs.empty() ? ValueId{} : added.outputs.front();
}

const Node& Graph::add_gradient(ValueId output, std::span<const ValueId> dy,
                                std::span<const ValueId> wanted) {
  const Node forward = producer(output);
  const OpSpec& s = spec(forward.op);
  Node node{forward.op, {dy.front()}, {}, forward.outputs.front(), {}};
  if (s.gradient_op) {
    std::vector<TensorDesc> in;
    for (ValueId v : forward.inputs) in.push_back(v ? desc(v) : absent);
    node.op = s.gradient_op(forward.op, in);
  }
  for (std::string_view name : s.saved) node.inputs.push_back(saved_value(forward, s, name));
  node.inputs.insert(node.inputs.end(), dy.begin() + 1, dy.end());
  for (ValueId x : differentiable(forward, s)) {
    const bool want = x && std::ranges::count(wanted, x) > 0;
    node.outputs.push_back(want ? add_value(desc(x)) : ValueId{});
  }
  return append(std::move(node));
}

const TensorDesc& Graph::desc(ValueId value) const {
  if (!value || value.index >= value_count())
    throw ShapeError(str("value ", value.index, " is not in this graph"));
  return descs_[value.index];
}

bool Graph::has(ValueId value) const {
  return value && value.index < value_count() && producers_[value.index] >= 0;
}

const Node& Graph::producer(ValueId value) const {
  if (!has(value)) throw ShapeError(str("value ", value.index, " is not in this graph"));
  return nodes_[producers_[value.index]];
}

ValueId Graph::root(ValueId value) const {
  while (has(value)) {
    const Node& node = producer(value);
    if (node.gradient_of || !spec(node.op).view) break;
    value = node.inputs[0];
  }
  return value;
}

Dim Graph::row(ValueId value) const {
  const Part* inside = part(value);
  const Shape& shape = desc(inside ? inside->whole : value).shape;
  return shape.rank() ? shape[shape.rank() - 1] : 1;
}

ValueId Graph::add_value(const TensorDesc& desc) {
  descs_.push_back(desc);
  producers_.push_back(-1);
  return {value_count() - 1};
}

const Node& Graph::append(Node node) {
  for (ValueId v : node.outputs) {
    if (v) producers_[v.index] = static_cast<int>(nodes_.size());
  }
  nodes_.push_back(std::move(node));
  return nodes_.back();
}

Graph Graph::with_nodes(std::vector<Node> nodes) const {
  Graph out;
  out.descs_ = descs_;
  out.parts_ = parts_;
  out.producers_.assign(descs_.size(), -1);
  for (Node& node : nodes) out.append(std::move(node));
  return out;
}

}  // namespace mpsnn
