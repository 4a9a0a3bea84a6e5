#include "backend/metal/translation.hpp"

namespace mpsnn::metal {
namespace {

MPSNNTrainingStyle style_of(const Parameters& p) {
  return p.wanted() ? MPSNNTrainingStyleUpdateDeviceGPU : MPSNNTrainingStyleUpdateDeviceNone;
}

MPSNNImageNode* batch_norm(NodeContext& c) {
  const auto& op = c.op<BatchNorm>();
  MPSNNImageNode* x = c.image(0);
  Parameters& p = c.lend({1, 2, 3, 4});
  c.all.add_running(c.node, p);
  const auto source = adopt([[MpsnnBatchNormSource alloc] initWithParameters:c.parameters
                                                                     epsilon:op.epsilon]);
  c.hold(source);
  MPSCNNBatchNormalizationNode* node = [MPSCNNBatchNormalizationNode nodeWithSource:x
                                                                         dataSource:source];
  node.flags = op.training ? MPSCNNBatchNormalizationFlagsCalculateStatisticsAlways
                           : MPSCNNBatchNormalizationFlagsCalculateStatisticsNever;
  node.trainingStyle = style_of(p);
  return c.tape.add(node, {x});
}

/// With as many groups as channels it is instance normalization.
MPSNNImageNode* group_norm(NodeContext& c) {
  const auto& op = c.op<GroupNorm>();
  MPSNNImageNode* x = c.image(0);
  const Dim channels = c.in(0)[2];
  Parameters& p = c.lend({1, 2});
  const auto source =
      adopt([[MpsnnGroupNormSource alloc] initWithParameters:c.parameters
                                                    channels:static_cast<NSUInteger>(channels)
                                                      groups:static_cast<NSUInteger>(op.groups)
                                                     epsilon:op.epsilon]);
  c.hold(source);
  if (op.groups == channels) {
    MPSCNNInstanceNormalizationNode* node = [MPSCNNInstanceNormalizationNode nodeWithSource:x
                                                                                 dataSource:source];
    node.trainingStyle = style_of(p);
    return c.tape.add(node, {x});
  }
  MPSCNNGroupNormalizationNode* node = [MPSCNNGroupNormalizationNode nodeWithSource:x
                                                                         dataSource:source];
  node.trainingStyle = style_of(p);
  return c.tape.add(node, {x});
}

template <class Node, class NormOp>
Node* with_constants(Node* node, const NormOp& op) {
  node.alpha = op.alpha;
  node.beta = op.beta;
  node.delta = op.delta;
  return node;
}

MPSNNImageNode* cross_channel_norm(NodeContext& c) {
  const auto& op = c.op<CrossChannelNorm>();
  MPSNNImageNode* x = c.image(0);
  auto* node = with_constants([MPSCNNCrossChannelNormalizationNode nodeWithSource:x], op);
  node.kernelSizeInFeatureChannels = static_cast<NSUInteger>(op.size);
  return c.tape.add(node, {x});
}

MPSNNImageNode* spatial_norm(NodeContext& c) {
  const auto& op = c.op<SpatialNorm>();
  MPSNNImageNode* x = c.image(0);
  auto* node = with_constants([MPSCNNSpatialNormalizationNode nodeWithSource:x], op);
  node.kernelHeight = static_cast<NSUInteger>(op.kernel.h);
  node.kernelWidth = static_cast<NSUInteger>(op.kernel.w);
  return c.tape.add(node, {x});
}

MPSNNImageNode* local_contrast_norm(NodeContext& c) {
  const auto& op = c.op<LocalContrastNorm>();
  MPSNNImageNode* x = c.image(0);
  auto* node = with_constants([MPSCNNLocalContrastNormalizationNode nodeWithSource:x], op);
  node.kernelHeight = static_cast<NSUInteger>(op.kernel.h);
  node.kernelWidth = static_cast<NSUInteger>(op.kernel.w);
  node.p0 = op.p0;
  node.pm = op.pm;
  node.ps = op.ps;
  return c.tape.add(node, {x});
}

}  // namespace

NodeTable normalization_nodes() {
  return {on<BatchNorm>(batch_norm), on<GroupNorm>(group_norm),
          on<CrossChannelNorm>(cross_channel_norm), on<SpatialNorm>(spatial_norm),
          on<LocalContrastNorm>(local_contrast_norm)};
}

}  // namespace mpsnn::metal
