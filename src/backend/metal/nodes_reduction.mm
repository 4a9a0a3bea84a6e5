#include "backend/metal/padding.hpp"
#include "backend/metal/translation.hpp"

/// Sums, means and parts of an image, by nodes of MPS's that have gradients: its own reductions
/// and slices have none.
namespace mpsnn::metal {
namespace {

/// Channel o of the result is sum_c weights[o, c] x[c], with weights that nobody trains.
MPSNNImageNode* mix_channels(NodeContext& c, MPSNNImageNode* x, const Shape& of_x, Dim out,
                             const std::vector<float>& weights) {
  auto parameters = c.all.parameters_of(c.node);
  const auto elements = static_cast<NSUInteger>(weights.size());
  parameters->tensors.emplace_back().master = {
      adopt([c.all.gpu.device.get() newBufferWithLength:elements * sizeof(float)
                                                options:MTLResourceStorageModeShared]),
      0, elements};
  std::ranges::copy(weights, parameters->tensors[0].master.data());
  MPSCNNConvolutionDescriptor* d = [MPSCNNConvolutionDescriptor
      cnnConvolutionDescriptorWithKernelWidth:1
                                 kernelHeight:1
                         inputFeatureChannels:static_cast<NSUInteger>(of_x[2])
                        outputFeatureChannels:static_cast<NSUInteger>(out)];
  const auto source = adopt([[MpsnnConvolutionSource alloc] initWithParameters:parameters
                                                                    descriptor:d
                                                                          half:false]);
  c.hold(source);
  MPSCNNConvolutionNode* node = [MPSCNNConvolutionNode nodeWithSource:x weights:source];
  node.trainingStyle = MPSNNTrainingStyleUpdateDeviceNone;
  node.paddingPolicy = [MpsnnPadding paddingTo:of_x offsetY:0 offsetX:0 edge:MPSImageEdgeModeZero];
  return c.tape.add(node, {x});
}

/// One window over the whole height, or width, or both.
MPSNNImageNode* pool(NodeContext& c, Class kind, MPSNNImageNode* x, const Shape& from,
                     const Shape& to) {
  const Dim h = to[0] == from[0] ? 1 : from[0], w = to[1] == from[1] ? 1 : from[1];
  MPSCNNPoolingNode* node =
      [[(MPSCNNPoolingNode*)[kind alloc] initWithSource:x
                                            kernelWidth:static_cast<NSUInteger>(w)
                                           kernelHeight:static_cast<NSUInteger>(h)
                                        strideInPixelsX:1
                                        strideInPixelsY:1] autorelease];
  node.paddingPolicy = [MpsnnPadding paddingTo:to
                                       offsetY:static_cast<NSInteger>(h / 2)
                                       offsetX:static_cast<NSInteger>(w / 2)
                                          edge:MPSImageEdgeModeClamp];
  return c.tape.add(node, {x});
}

MPSNNImageNode* reduce(NodeContext& c) {
  const auto& op = c.op<Reduce>();
  const Shape in = c.in(0);
  const int rank = c.raw(0).rank();
  std::array<Dim, 3> to{in[0], in[1], in[2]};
  for (int i = 0; i < rank; ++i)
    if (op.axes >> i & 1) to[image_axis(i, rank)] = 1;
  const Shape pixels{to[0], to[1], in[2]};
  c.shape = Shape{to[0], to[1], to[2]};
  const float count = static_cast<float>(in.size()) / static_cast<float>(to[0] * to[1] * to[2]);
  MPSNNImageNode* y = c.image(0);
  if (op.kind == Reduce::Kind::max) return pool(c, [MPSCNNPoolingMaxNode class], y, in, pixels);
  if (op.kind == Reduce::Kind::min) {
    y = c.neuron(y, MPSCNNNeuronTypeLinear, -1);
    y = pool(c, [MPSCNNPoolingMaxNode class], y, in, pixels);
    return c.neuron(y, MPSCNNNeuronTypeLinear, -1);
  }
  if (pixels == Shape{1, 1, in[2]} && in != pixels)
    y = c.tape.add([MPSNNReductionSpatialMeanNode nodeWithSource : y], { y });
  else if (pixels != in)
    y = pool(c, [MPSCNNPoolingAverageNode class], y, in, pixels);
  if (to[2] != in[2])
    y = mix_channels(c, y, pixels, 1, std::vector<float>(in[2], 1 / static_cast<float>(in[2])));
  return c.neuron(y, MPSCNNNeuronTypeLinear, op.kind == Reduce::Kind::sum ? count : 1);
}

MPSNNImageNode* slice(NodeContext& c) {
  const auto& op = c.op<Slice>();
  const int rank = c.raw(0).rank();
  const Shape in = c.in(0), out = c.out();
  std::array<int, 3> start{}, step{1, 1, 1};
  for (int i = 0; i < rank; ++i) {
    start[image_axis(i, rank)] = op.start[i];
    step[image_axis(i, rank)] = op.step[i];
  }
  const Shape pixels{out[0], out[1], in[2]};
  MPSNNImageNode* y = c.image(0);
  if (pixels != in || out[2] == in[2])
    y = crop(c.tape, y, pixels, {start[0], start[1]}, {step[0], step[1]});
  if (out[2] == in[2]) return y;
  std::vector<float> chosen(out[2] * in[2]);
  for (Dim o = 0; o < out[2]; ++o) chosen[o * in[2] + start[2] + o * step[2]] = 1;
  return mix_channels(c, y, pixels, out[2], chosen);
}

}  // namespace

MPSNNImageNode* part_of(NodeContext& c, MPSNNImageNode* x, const Shape& of_x, int axis, Dim first,
                        Dim extent) {
  if (axis == 2) {
    std::vector<float> chosen(extent * of_x[2]);
    for (Dim o = 0; o < extent; ++o) chosen[o * of_x[2] + first + o] = 1;
    return mix_channels(c, x, of_x, extent, chosen);
  }
  const Shape size{axis == 0 ? extent : of_x[0], axis == 1 ? extent : of_x[1], of_x[2]};
  const int at = static_cast<int>(first);
  return crop(c.tape, x, size, {axis == 0 ? at : 0, axis == 1 ? at : 0}, {});
}

MPSNNImageNode* crop(Tape& tape, MPSNNImageNode* x, const Shape& size, Size2 start, Size2 step) {
  MPSCNNPoolingAverageNode* node = [[[MPSCNNPoolingAverageNode alloc]
       initWithSource:x
          kernelWidth:1
         kernelHeight:1
      strideInPixelsX:static_cast<NSUInteger>(step.w)
      strideInPixelsY:static_cast<NSUInteger>(step.h)] autorelease];
  node.paddingPolicy = [MpsnnPadding paddingTo:size
                                       offsetY:start.h
                                       offsetX:start.w
                                          edge:MPSImageEdgeModeClamp];
  return tape.add(node, {x});
}

NodeTable reduction_nodes() { return {on<Reduce>(reduce), on<Slice>(slice)}; }

}  // namespace mpsnn::metal
