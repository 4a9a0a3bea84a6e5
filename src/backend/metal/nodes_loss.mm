#include "backend/metal/losses.hpp"

namespace mpsnn::metal {
namespace {

MPSCNNLossType type_of(Loss::Kind kind) {
  static const MPSCNNLossType types[] = {MPSCNNLossTypeMeanAbsoluteError,
                                         MPSCNNLossTypeMeanSquaredError,
                                         MPSCNNLossTypeSoftMaxCrossEntropy,
                                         MPSCNNLossTypeSigmoidCrossEntropy,
                                         MPSCNNLossTypeCategoricalCrossEntropy,
                                         MPSCNNLossTypeHinge,
                                         MPSCNNLossTypeHuber,
                                         MPSCNNLossTypeCosineDistance,
                                         MPSCNNLossTypeLog,
                                         MPSCNNLossTypeKullbackLeiblerDivergence};
  return types[static_cast<int>(kind)];
}

/// MPS divides the loss and not the gradient, as `strict_mps` asks for. Else both are divided
/// elsewhere.
MPSCNNReductionType reduction_of(const LossTraits& op) {
  if (op.reduction == Reduction::none) return MPSCNNReductionTypeNone;
  if (!op.strict) return MPSCNNReductionTypeSum;
  static const MPSCNNReductionType types[] = {MPSCNNReductionTypeNone, MPSCNNReductionTypeSum,
                                              MPSCNNReductionTypeMean,
                                              MPSCNNReductionTypeSumByNonZeroWeights};
  return types[static_cast<int>(op.reduction)];
}

MPSCNNLossDescriptor* descriptor_of(NodeContext& c) {
  const auto& op = c.op<Loss>();
  MPSCNNLossDescriptor* d =
      [MPSCNNLossDescriptor cnnLossDescriptorWithType:type_of(op.kind)
                                        reductionType:reduction_of(LossTraits(op))];
  d.labelSmoothing = op.label_smoothing;
  d.numberOfClasses = static_cast<NSUInteger>(c.in(0)[2]);
  d.delta = op.delta;
  d.epsilon = op.epsilon;
  return d;
}

/// Notes a node whose loss comes back in its labels.
template <class Node>
MPSNNImageNode* direct(NodeContext& c, Node* node) {
  const auto handle = keep([MpsnnHandle handleOf:c.node.outputs[0].index]);
  node.inputLabels.handle = handle;
  c.hold(node);
  c.all.losses.push_back({c.node.outputs[0], &c.node, keep<MPSNNFilterNode*>(node), handle});
  return nil;
}

/// The loss as an image, of labels that are one.
MPSNNImageNode* forward(NodeContext& c) {
  const auto& op = c.op<Loss>();
  MPSNNImageNode *x = c.image(0), *labels = c.image(1);
  MPSNNImageNode* weights = c.has(2) ? c.image(2) : nil;
  const Shape of_x = c.in(0);
  const bool each = weights != nil && c.in(2) == of_x;
  MPSNNImageNode* loss = each
                             ? c.tape.add([MPSNNForwardLossNode nodeWithSource : x labels : labels
                                               weights : weights lossDescriptor : descriptor_of(c)],
                                          { x, labels, weights }, {true, true, false})
                             : c.tape.add([MPSNNForwardLossNode nodeWithSource : x labels : labels
                                               lossDescriptor : descriptor_of(c)],
                                          { x, labels });
  if (weights != nil && !each) {
    MPSNNMultiplicationNode* by = [MPSNNMultiplicationNode nodeWithLeftSource:loss
                                                                  rightSource:weights];
    if (c.out() != Shape{1, 1, 1}) by.secondaryStrideInPixelsX = by.secondaryStrideInPixelsY = 0;
    if (c.out()[2] != 1) by.secondaryStrideInFeatureChannels = 0;
    if (c.out()[0] == 1) by.secondaryStrideInPixelsY = 1;
    if (c.out()[1] == 1) by.secondaryStrideInPixelsX = 1;
    loss = c.tape.add(by, {loss, weights}, {true, false});
  }
  const bool divides = !op.strict_mps && (op.reduction == Reduction::mean ||
                                          op.reduction == Reduction::sum_by_nonzero_weights);
  const Dim parts = op.kind == Loss::Kind::softmax_cross_entropy ? of_x[0] * of_x[1] : of_x.size();
  const float scale = op.weight / static_cast<float>(divides ? parts : 1);
  return scale == 1 ? loss : c.neuron(loss, MPSCNNNeuronTypeLinear, scale);
}

}  // namespace

MPSNNImageNode* loss_node(NodeContext& c) {
  if (!is_direct_loss(c.all.graph, c.node)) return forward(c);
  return direct(c, [MPSCNNLossNode nodeWithSource:c.image(0) lossDescriptor:descriptor_of(c)]);
}

MPSNNImageNode* yolo_loss_node(NodeContext& c) {
  const auto& op = c.op<YoloLoss>();
  NSData* anchors = [NSData dataWithBytes:op.anchors.data()
                                   length:op.anchors.size() * sizeof(op.anchors[0])];
  MPSCNNYOLOLossDescriptor* d =
      [MPSCNNYOLOLossDescriptor cnnLossDescriptorWithXYLossType:type_of(op.xy)
                                                     WHLossType:type_of(op.wh)
                                             confidenceLossType:type_of(op.confidence)
                                                classesLossType:type_of(op.classes)
                                                  reductionType:reduction_of(LossTraits(op))
                                                    anchorBoxes:anchors
                                            numberOfAnchorBoxes:op.anchors.size()];
  d.scaleXY = op.scale_xy;
  d.scaleWH = op.scale_wh;
  d.scaleNoObject = op.scale_no_object;
  d.scaleObject = op.scale_object;
  d.scaleClass = op.scale_class;
  d.minIOUForObjectPresence = op.min_iou;
  d.maxIOUForObjectAbsence = op.max_iou;
  d.rescore = op.rescore;
  for (MPSCNNLossDescriptor* part : {d.XYLossDescriptor, d.WHLossDescriptor,
                                     d.confidenceLossDescriptor, d.classesLossDescriptor}) {
    part.delta = op.delta;
    part.epsilon = op.epsilon;
  }
  return direct(c, [MPSCNNYOLOLossNode nodeWithSource:c.image(0) lossDescriptor:d]);
}

}  // namespace mpsnn::metal
