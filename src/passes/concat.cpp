#include <algorithm>

#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"
#include "passes/place_concats.hpp"
#include "passes/rewrite.hpp"

namespace mpsnn {
namespace {

/// The axis that a concat joins, counted from the first.
int axis_of(const Graph& graph, const Node& concat) {
  const int axis = std::get<Concat>(concat.op).axis;
  return axis < 0 ? axis + graph.desc(concat.inputs.front()).shape.rank() : axis;
}

bool is_concat(const Node& node) {
  return std::holds_alternative<Concat>(node.op) && !node.gradient_of;
}

}  // namespace

Graph flatten_concats(const Graph& graph) {
  const std::vector<int> reads = read_counts(graph.nodes(), graph.value_count(), {});
  std::vector<Node> nodes(graph.nodes().begin(), graph.nodes().end());
  for (Node& node : nodes) {
    if (!is_concat(node)) continue;
    std::vector<ValueId> flat;
    for (ValueId v : node.inputs) {
      // Of the new nodes: an inner concat comes first, so it is flat already.
      const auto inner = std::ranges::find_if(nodes, [&](const Node& n) {
        return is_concat(n) && n.outputs.front() == v && axis_of(graph, n) == axis_of(graph, node);
      });
      if (inner == nodes.end() || reads[v.index] != 1)
        flat.push_back(v);
      else
        flat.insert(flat.end(), inner->inputs.begin(), inner->inputs.end());
    }
    node.inputs = std::move(flat);
  }
  return graph.with_nodes(std::move(nodes));
}

namespace {

/// Decides which values become parts of which.
class Placement {
 public:
  Placement(const Graph& graph, std::span<const ValueId> keep, const StridedTest& strided)
      : graph_(graph), strided_(strided), out_(graph) {
    reads_ = read_counts(graph.nodes(), graph.value_count(), keep);
  }

  Graph run() {
    for (const Node& node : graph_.nodes()) {
      if (!std::holds_alternative<Concat>(node.op)) continue;
      if (node.gradient_of)
        place_gradients(node);
      else
        place_inputs(node);
    }
    return std::move(out_);
  }

 private:
  /// Whether `whole` is a batch of rows that `axis`, the last, cuts.
  bool cuts_rows(ValueId whole, int axis) const {
    const TensorDesc& d = graph_.desc(whole);
    const int rank = d.shape.rank();
    return d.batched && (axis == -1 || axis == rank - 1) && !out_.part(whole);
  }

  /// Whether `axis`, the first, cuts `whole` into blocks of memory.
  bool cuts_block(ValueId whole, int axis) const {
    const TensorDesc& d = graph_.desc(whole);
    return !d.batched && (axis == 0 || axis == -d.shape.rank()) && !out_.part(whole);
  }

  /// Each gradient is a block of the whole.
  void place_blocks(const Node& gradient) {
    const ValueId whole = gradient.inputs.front();
    const TensorDesc& d = graph_.desc(whole);
    const Dim row = d.shape.size() / d.shape[0];
    Dim first = 0;
    for (std::size_t i = 0; i < gradient.outputs.size(); ++i) {
      if (gradient.outputs[i]) out_.place(gradient.outputs[i], {whole, first});
      first += std::get<Concat>(gradient.op).extents[i] * row;
    }
  }

  /// A producer writes its output where the concat would copy it to.
  void place_inputs(const Node& concat) {
    const ValueId whole = concat.outputs.front();
    if (!cuts_rows(whole, std::get<Concat>(concat.op).axis)) return;
    Dim first = 0;
    for (ValueId v : concat.inputs) {
      const Node& producer = graph_.producer(v);
      if (reads_[v.index] == 1 && !producer.gradient_of && producer.outputs.front() == v &&
          strided_(producer))
        out_.place(v, {whole, first});
      first += channels(v);
    }
  }

  /// A gradient node reads its dy where the concat's gradient would copy it from.
  void place_gradients(const Node& gradient) {
    const ValueId whole = gradient.inputs.front();
    if (cuts_block(whole, std::get<Concat>(gradient.op).axis)) return place_blocks(gradient);
    if (!cuts_rows(whole, std::get<Concat>(gradient.op).axis)) return;
    const std::vector<Dim>& extents = std::get<Concat>(gradient.op).extents;
    Dim first = 0;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      const ValueId dx = gradient.outputs[i];
      if (dx && reads_[dx.index] == 1) {
        const auto reader = std::ranges::find_if(
            graph_.nodes(), [&](const Node& n) { return std::ranges::count(n.inputs, dx) > 0; });
        if (reader != graph_.nodes().end() && reader->gradient_of && reader->inputs.front() == dx &&
            strided_(*reader))
          out_.place(dx, {whole, first});
      }
      first += extents[i];
    }
  }

  Dim channels(ValueId v) const {
    const Shape& shape = graph_.desc(v).shape;
    return shape[shape.rank() - 1];
  }

  const Graph& graph_;
  const StridedTest& strided_;
  Graph out_;
  std::vector<int> reads_;
};

}  // namespace

Graph place_concats(const Graph& graph, std::span<const ValueId> keep, const StridedTest& strided) {
  return Placement(graph, keep, strided).run();
}

}  // namespace mpsnn
