#include "passes/reduce_precision.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace mpsnn {
namespace {

class Reducer {
 public:
  Reducer(const Graph& graph, std::span<const ValueId> keep, DType dtype, const ReducedTest& test)
      : graph_(graph), keep_(keep), dtype_(dtype), test_(test), out_(graph) {}

  Graph run() {
    find_saved();
    choose();
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i)
      reduced_[i] ? add_reduced(graph_.nodes()[i]) : add_wide(graph_.nodes()[i]);
    return out_.with_nodes(std::move(nodes_));
  }

 private:
  bool is_value(ValueId v) const {
    if (!v || saved_.contains(v.index)) return false;
    const TensorDesc& d = graph_.desc(v);
    return d.batched && d.dtype == DType::float32;
  }

  /// Outputs behind the first one that only the gradient of their node reads, such as the cells of
  /// an lstm, stay as they are.
  void find_saved() {
    std::set<int> saved;
    for (const Node& node : graph_.nodes()) {
      for (std::size_t i = 1; !node.gradient_of && i < node.outputs.size(); ++i)
        if (is_value(node.outputs[i]) && is_read_by_gradient_alone(node, node.outputs[i]))
          saved.insert(node.outputs[i].index);
    }
    saved_ = std::move(saved);
  }

  bool is_read_by_gradient_alone(const Node& producer, ValueId v) const {
    if (std::ranges::count(keep_, v) > 0) return false;
    return std::ranges::all_of(graph_.nodes(), [&](const Node& node) {
      return node.gradient_of == producer.outputs[0] || std::ranges::count(node.inputs, v) == 0;
    });
  }

  /// Decides which nodes are reduced, from the first to the last.
  void choose() {
    std::set<int> values;  // that are reduced
    for (const Node& node : graph_.nodes()) {
      const Reduced can = test_(node);
      const auto reduced = [&](ValueId v) { return v && values.contains(v.index); };
      const bool wants = node.gradient_of
                             ? reduced(node.gradient_of)
                             : can == Reduced::leads || std::ranges::any_of(node.inputs, reduced);
      reduced_.push_back(can != Reduced::never && wants);
      if (!reduced_.back()) continue;
      for (ValueId v : node.outputs)
        if (is_value(v)) values.insert(v.index);
    }
    // An input that nobody needs in float32 is read as what it becomes, and so is another shape
    // of it.
    for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
      const Node& node = graph_.nodes()[i];
      if (reduced_[i] || test_(node) == Reduced::never || node.outputs.empty()) continue;
      const bool input = std::holds_alternative<Input>(node.op);
      const bool shape = std::holds_alternative<Reshape>(node.op) && !node.gradient_of;
      if (!input && !shape) continue;
      if (!is_value(node.outputs[0]) || !is_read_reduced(node.outputs[0])) continue;
      reduced_[i] = true;
      if (!input) continue;
      // It keeps its name, by which callers bind images to it.
      twins_[node.outputs[0].index] = node.outputs[0];
      out_.retype(node.outputs[0], dtype_);
    }
  }

  bool is_read_reduced(ValueId v) const {
    if (std::ranges::count(keep_, v) > 0) return false;
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (std::ranges::count(graph_.nodes()[i].inputs, v) > 0 && !reduced_[i]) return false;
    }
    return true;
  }

  ValueId twin(ValueId v) {
    ValueId& made = twins_[v.index];
    if (!made) {
      TensorDesc d = graph_.desc(v);
      d.dtype = dtype_;
      made = out_.add_value(d);
    }
    return made;
  }

  void cast(ValueId from, ValueId to) {
    nodes_.push_back({Cast{out_.desc(to).dtype}, {from}, {to}, {}, {}});
    written_.insert(to.index);
  }

  void add(Node node) {
    for (ValueId v : node.outputs)
      if (v) written_.insert(v.index);
    if (moved_.contains(node.gradient_of.index)) node.gradient_of = twin(node.gradient_of);
    nodes_.push_back(std::move(node));
  }

  void add_reduced(Node node) {
    for (ValueId& v : node.inputs) {
      if (!is_value(v)) continue;
      if (!written_.contains(twin(v).index)) cast(v, twin(v));
      v = twin(v);
    }
    const std::vector<ValueId> wide = node.outputs;
    for (ValueId& v : node.outputs) {
      if (!is_value(v)) continue;
      moved_.insert(v.index);
      v = twin(v);
    }
    add(std::move(node));
    for (ValueId v : wide)
      if (is_value(v) && std::ranges::count(keep_, v) > 0) cast(twin(v), v);
  }

  void add_wide(const Node& node) {
    for (ValueId v : node.inputs)
      if (is_value(v) && !written_.contains(v.index)) cast(twin(v), v);
    add(node);
  }

  const Graph& graph_;
  std::span<const ValueId> keep_;
  const DType dtype_;
  const ReducedTest& test_;
  Graph out_;
  std::vector<Node> nodes_;
  std::vector<bool> reduced_;
  std::map<int, ValueId> twins_;   // by value index
  std::set<int> written_, moved_;  // by value index: there now; written by a reduced node
  std::set<int> saved_;            // by value index
};

}  // namespace

Graph reduce_precision(const Graph& graph, std::span<const ValueId> keep, DType dtype,
                       const ReducedTest& test) {
  return Reducer(graph, keep, dtype, test).run();
}

}  // namespace mpsnn
