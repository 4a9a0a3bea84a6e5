#include "backend/metal/padding.hpp"
#include "backend/metal/translation.hpp"
#include "ops/conv_geometry.hpp"

namespace mpsnn::metal {
namespace {

MPSCNNConvolutionDescriptor* descriptor_of(const ConvGeometry& g) {
  // As many groups as channels, with one filter each, is another kind of kernel.
  const bool depthwise = g.groups > 1 && g.groups == g.C && g.O == g.C;
  Class kind = depthwise ? [MPSCNNDepthWiseConvolutionDescriptor class]
                         : [MPSCNNConvolutionDescriptor class];
  MPSCNNConvolutionDescriptor* d =
      [kind cnnConvolutionDescriptorWithKernelWidth:static_cast<NSUInteger>(g.w.kernel)
                                       kernelHeight:static_cast<NSUInteger>(g.h.kernel)
                               inputFeatureChannels:static_cast<NSUInteger>(g.C)
                              outputFeatureChannels:static_cast<NSUInteger>(g.O)];
  d.strideInPixelsX = static_cast<NSUInteger>(g.w.stride);
  d.strideInPixelsY = static_cast<NSUInteger>(g.h.stride);
  d.dilationRateX = static_cast<NSUInteger>(g.w.dilation);
  d.dilationRateY = static_cast<NSUInteger>(g.h.dilation);
  d.groups = static_cast<NSUInteger>(depthwise ? 1 : g.groups);
  return d;
}

/// A data source for the weight and bias of the node, kept with the graph.
MpsnnConvolutionSource* source_of(NodeContext& c, Class kind, MPSCNNConvolutionDescriptor* d,
                                  Accumulator accumulator) {
  c.lend(c.has(2) ? std::vector<int>{1, 2} : std::vector<int>{1});
  auto source = adopt([(MpsnnConvolutionSource*)[kind alloc]
      initWithParameters:c.parameters
              descriptor:d
                    half:accumulator == Accumulator::half]);
  c.hold(source);
  return source;
}

MPSNNImageNode* finish(NodeContext& c, MPSCNNConvolutionNode* node, MPSNNImageNode* x,
                       Accumulator accumulator) {
  node.accumulatorPrecision = accumulator == Accumulator::half
                                  ? MPSNNConvolutionAccumulatorPrecisionOptionHalf
                                  : MPSNNConvolutionAccumulatorPrecisionOptionFloat;
  node.trainingStyle = c.parameters->wanted() ? MPSNNTrainingStyleUpdateDeviceGPU
                                              : MPSNNTrainingStyleUpdateDeviceNone;
  return c.tape.add(node, {x});
}

MPSNNImageNode* conv2d(NodeContext& c) {
  const auto& op = c.op<Conv2d>();
  const ConvGeometry g(op, c.raw(0), c.raw(1));
  MPSNNImageNode* x = c.image(0);
  MPSCNNConvolutionNode* node =
      [MPSCNNConvolutionNode nodeWithSource:x
                                    weights:source_of(c, [MpsnnConvolutionSource class],
                                                      descriptor_of(g), op.accumulator)];
  const auto offset = [](const ConvAxis& a) {
    return static_cast<NSInteger>(((a.kernel - 1) * a.dilation + 1) / 2 - a.before);
  };
  node.paddingPolicy = [MpsnnPadding paddingTo:c.out()
                                       offsetY:offset(g.h)
                                       offsetX:offset(g.w)
                                          edge:MPSImageEdgeModeZero];
  return finish(c, node, x, op.accumulator);
}

MPSNNImageNode* conv_transpose2d(NodeContext& c) {
  const auto& op = c.op<ConvTranspose2d>();
  const ConvGeometry g(op, c.raw(0), c.raw(1));
  MPSNNImageNode* x = c.image(0);
  MPSCNNConvolutionTransposeNode* node =
      [MPSCNNConvolutionTransposeNode nodeWithSource:x
                            convolutionGradientState:nil
                                             weights:source_of(c, [MpsnnTransposeSource class],
                                                               descriptor_of(g), op.accumulator)];
  // Row 0 of the result is row `before` of the full one, whose first window ends on pixel 0.
  const auto offset = [](const ConvAxis& a) {
    return static_cast<NSInteger>(a.before - (a.kernel - 1) + a.kernel / 2);
  };
  node.paddingPolicy = [MpsnnPadding paddingOfTransposeTo:c.out()
                                                  offsetY:offset(g.h)
                                                  offsetX:offset(g.w)];
  return finish(c, node, x, op.accumulator);
}

/// A convolution whose kernel is the whole image, in whatever shape the image is.
MPSNNImageNode* dense(NodeContext& c) {
  const Image x = c.as_it_is(0);
  const auto outputs = static_cast<NSUInteger>(c.raw(1)[0]);
  MPSCNNConvolutionDescriptor* d = [MPSCNNConvolutionDescriptor
      cnnConvolutionDescriptorWithKernelWidth:static_cast<NSUInteger>(x.shape[1])
                                 kernelHeight:static_cast<NSUInteger>(x.shape[0])
                         inputFeatureChannels:static_cast<NSUInteger>(x.shape[2])
                        outputFeatureChannels:outputs];
  MPSCNNFullyConnectedNode* node = [MPSCNNFullyConnectedNode
      nodeWithSource:x.node
             weights:source_of(c, [MpsnnConvolutionSource class], d, Accumulator::single)];
  return finish(c, node, x.node, Accumulator::single);
}

/// relu(x) + slope * (x - relu(x)), the second by a depthwise convolution of one tap: MPS trains
/// no slopes.
MPSNNImageNode* prelu(NodeContext& c) {
  MPSNNImageNode* x = c.image(0);
  const auto channels = static_cast<NSUInteger>(c.in(0)[2]);
  MPSCNNConvolutionDescriptor* d =
      [MPSCNNDepthWiseConvolutionDescriptor cnnConvolutionDescriptorWithKernelWidth:1
                                                                       kernelHeight:1
                                                               inputFeatureChannels:channels
                                                              outputFeatureChannels:channels];
  MPSNNImageNode* positive = c.neuron(x, MPSCNNNeuronTypeReLU);
  MPSNNSubtractionNode* rest = [MPSNNSubtractionNode nodeWithLeftSource:x rightSource:positive];
  MPSNNImageNode* negative = c.tape.add(rest, {x, positive});
  c.lend({1});
  const auto source = adopt([[MpsnnConvolutionSource alloc] initWithParameters:c.parameters
                                                                    descriptor:d
                                                                          half:false]);
  c.hold(source);
  MPSCNNConvolutionNode* slope = [MPSCNNConvolutionNode nodeWithSource:negative weights:source];
  slope.paddingPolicy = [MpsnnPadding paddingTo:c.out()
                                        offsetY:0
                                        offsetX:0
                                           edge:MPSImageEdgeModeZero];
  MPSNNImageNode* scaled = finish(c, slope, negative, Accumulator::single);
  return c.tape.add([MPSNNAdditionNode nodeWithLeftSource : positive rightSource : scaled],
                    { positive, scaled });
}

}  // namespace

NodeTable convolution_nodes() {
  return {on<Conv2d>(conv2d), on<ConvTranspose2d>(conv_transpose2d), on<Dense>(dense),
          on<PRelu>(prelu)};
}

}  // namespace mpsnn::metal
