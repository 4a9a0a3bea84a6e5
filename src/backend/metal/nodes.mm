#include "backend/metal/losses.hpp"
#include "backend/metal/translation.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

NodeTable all_nodes() {
  NodeTable out;
  for (const NodeTable& family : {convolution_nodes(), elementwise_nodes(), layout_nodes(),
                                  normalization_nodes(), pooling_nodes(), reduction_nodes()})
    out.insert(family.begin(), family.end());
  out.insert(on<Loss>(loss_node));
  out.insert(on<YoloLoss>(yolo_loss_node));
  return out;
}

}  // namespace

MPSNNImageNode* translate_node(NodeContext& c) {
  static const NodeTable table = all_nodes();
  const auto it = table.find(c.node.op.index());
  if (it == table.end())
    throw UnsupportedError(str("metal: no node of MPS for ", c.all.graph.print(c.node)));
  return it->second(c);
}

}  // namespace mpsnn::metal
