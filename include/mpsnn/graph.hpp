#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mpsnn/ops.hpp"
#include "mpsnn/shape.hpp"

namespace mpsnn {

/// Names one value of one Graph. Default-constructed: "absent".
struct ValueId {
  int index = -1;

  explicit operator bool() const { return index >= 0; }
  friend bool operator==(ValueId, ValueId) = default;
};

/// One operation. A gradient node carries the attributes of the forward node
/// that it differentiates and that node's first output; it reads dy and what
/// the op's spec says it saved, and writes one value per differentiable input.
struct Node {
  Op op;
  std::vector<ValueId> inputs;   ///< Absent where an optional input was left out.
  std::vector<ValueId> outputs;  ///< Absent where nobody wants the value.
  ValueId gradient_of;           ///< Absent for a forward node.
  std::string label;
};

/// Where a value lives inside another one: in the channels (last axis) of `whole`, or in a block of
/// its memory, from element `first`.
struct Part {
  ValueId whole;
  Dim first = 0;
};

/// A feed-forward program: nodes in the order they were added, which is a
/// topological order because a node can only name values that already exist.
/// A pass gives a new graph in which a value keeps its id.
class Graph {
 public:
  /// Appends `op` and returns its first output. The shapes of the outputs are
  /// inferred here, so a mistake is reported on the line that made it.
  /// @throws ShapeError if `op` does not accept `inputs`; the graph is then unchanged.
  ValueId add(const Op& op, std::span<const ValueId> inputs = {}, std::string label = {});
  ValueId add(const Op& op, std::initializer_list<ValueId> inputs, std::string label = {}) {
    return add(op, std::span(inputs.begin(), inputs.size()), std::move(label));
  }

  /// Appends the gradient node of the node that produces `output`, computing
  /// only the gradients of the inputs in `wanted`. `dy` has the gradient of the first output,
  /// and of each further one that the op's spec names, absent where there is none.
  const Node& add_gradient(ValueId output, std::span<const ValueId> dy,
                           std::span<const ValueId> wanted);

  std::span<const Node> nodes() const { return nodes_; }
  const TensorDesc& desc(ValueId value) const;
  int value_count() const { return static_cast<int>(descs_.size()); }
  /// The node that writes `value`. @throws ShapeError if there is none.
  const Node& producer(ValueId value) const;
  /// What `value` is another name of, behind any reshapes.
  ValueId root(ValueId value) const;
  /// Whether a node of this graph writes `value`.
  bool has(ValueId value) const;

  /// The same values with these nodes instead; for passes.
  Graph with_nodes(std::vector<Node> nodes) const;
  /// A new value that no node writes yet; for passes.
  ValueId add_value(const TensorDesc& desc);
  /// Gives `value` another type; for passes.
  void retype(ValueId value, DType dtype) { descs_[value.index].dtype = dtype; }
  /// Makes `value` a part of `part.whole`, which it is written into; for passes.
  void place(ValueId value, const Part& part) { parts_[value.index] = part; }
  /// Null where `value` has memory of its own.
  const Part* part(ValueId value) const {
    const auto it = parts_.find(value.index);
    return it == parts_.end() ? nullptr : &it->second;
  }
  /// Elements from one row (last axis) of `value` to the next.
  Dim row(ValueId value) const;

  /// One line per node: `%2 = conv2d(%0, %1) stride=(1, 1) ...  # (28, 28, 32) float32`.
  std::string print() const;
  /// The line of one node, for messages.
  std::string print(const Node& node) const;

 private:
  const Node& append(Node node);

  std::vector<Node> nodes_;
  std::vector<TensorDesc> descs_;
  std::vector<int> producers_;  // by value index; -1: none
  std::map<int, Part> parts_;   // by value index
};

/// The op's name as used in Python, messages and benchmarks, e.g. "conv2d".
std::string_view name(const Op& op);

/// What the outputs of a node are called, e.g. "y" and "mask"; those of a gradient node by the
/// inputs they belong to.
std::vector<std::string> output_names(const Node& node);

/// Whether a gradient reaches the op's inputs; and whether it is dy itself, without a node.
bool differentiable(const Op& op);
bool passes_gradient(const Op& op);

/// An op with default attributes, or one of its kinds, and the family it belongs to.
struct VocabularyEntry {
  std::string_view family;
  Op op;
};

/// Everything a graph can be made of, by family.
std::vector<VocabularyEntry> vocabulary();

}  // namespace mpsnn
