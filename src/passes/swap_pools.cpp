#include "passes/swap_pools.hpp"

#include <algorithm>

#include "ops/conv_geometry.hpp"
#include "passes/rewrite.hpp"

namespace mpsnn {
namespace {

/// Whether every pixel of y is a product of one pixel of x, with no more channels.
bool is_pointwise(const Graph& graph, const Node& node) {
  const auto* op = std::get_if<Conv2d>(&node.op);
  if (!op || node.gradient_of || (node.inputs.size() > 2 && node.inputs[2])) return false;
  const ConvGeometry g(*op, graph.desc(node.inputs[0]).shape, graph.desc(node.inputs[1]).shape);
  const auto same = [](const ConvAxis& axis) {
    return axis.stride == 1 && axis.before == 0 && axis.coarse == axis.fine;
  };
  return g.taps() == 1 && g.groups == 1 && same(g.h) && same(g.w) && g.O <= g.C &&
         !op->activation && op->accumulator == Accumulator::single;
}

}  // namespace

Graph swap_pools(const Graph& graph, std::span<const ValueId> keep) {
  Graph out = graph;
  std::vector<Node> nodes(graph.nodes().begin(), graph.nodes().end());
  const std::vector<int> reads = read_counts(nodes, graph.value_count(), keep);
  const auto has_gradient = [&](ValueId v) {
    return std::ranges::any_of(nodes, [v](const Node& n) { return n.gradient_of == v; });
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!is_pointwise(graph, nodes[i])) continue;
    const ValueId mean = nodes[i].inputs[0];
    const auto pool = std::ranges::find_if(
        nodes, [&](const Node& n) { return !n.outputs.empty() && n.outputs[0] == mean; });
    const auto* op = pool == nodes.end() ? nullptr : std::get_if<AvgPool2d>(&pool->op);
    if (!op || pool->gradient_of || reads[mean.index] != 1 || op->stride != Size2{1, 1} ||
        has_gradient(mean) || has_gradient(nodes[i].outputs[0]))
      continue;
    Node moved = *pool;
    TensorDesc product = graph.desc(moved.inputs[0]);
    const Shape& x = product.shape;
    product.shape = Shape{x[0], x[1], graph.desc(nodes[i].outputs[0]).shape[2]};
    moved.outputs[0] = nodes[i].outputs[0];
    nodes[i].inputs[0] = moved.inputs[0];
    nodes[i].outputs[0] = moved.inputs[0] = out.add_value(product);
    nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(moved));
    nodes.erase(std::ranges::find_if(
        nodes, [&](const Node& n) { return !n.outputs.empty() && n.outputs[0] == mean; }));
  }
  return out.with_nodes(std::move(nodes));
}

}  // namespace mpsnn
