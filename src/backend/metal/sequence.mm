#include "backend/metal/sequence.hpp"

#include <algorithm>

#include "backend/metal/image_batch.hpp"
#include "ops/recurrent.hpp"

namespace mpsnn::metal {
namespace {

Region buffer_of(Gpu& gpu, NSUInteger elements) { return new_region(gpu.device, elements); }

MPSMatrixDescriptor* describe(NSUInteger rows, NSUInteger columns, NSUInteger row_elements) {
  return [MPSMatrixDescriptor matrixDescriptorWithRows:rows
                                               columns:columns
                                              rowBytes:row_elements * sizeof(float)
                                              dataType:MPSDataTypeFloat32];
}

NSUInteger extent(Dim d) { return static_cast<NSUInteger>(d); }

}  // namespace

SequenceLayer::SequenceLayer(const Graph& graph, const Node& node, GatePlan plan,
                             std::shared_ptr<Parameters> parameters, int batch)
    : x_shape(image_shape(graph.desc(node.inputs[0]).shape)),
      y_shape(image_shape(graph.desc(node.outputs[0]).shape)),
      plan_(std::move(plan)),
      parameters_(std::move(parameters)),
      steps_(extent(x_shape[1])),
      in_(extent(x_shape[2])),
      out_(extent(y_shape[2])) {
  const recurrent::Layout layout(node.op, graph.desc(node.inputs[0]).shape,
                                 graph.desc(node.inputs[1]).shape);
  reverse_ = layout.reverse;
  Gpu& gpu = parameters_->gpu;
  for (const Parameters::Tensor& tensor : parameters_->tensors) {
    masters_.push_back(tensor.master);
    gradients_.push_back(buffer_of(gpu, tensor.master.elements));
  }
  const NSUInteger n = extent(batch);
  x_ = {buffer_of(gpu, n * steps_ * in_), in_};
  dx_ = {buffer_of(gpu, n * steps_ * in_), in_};
  y_ = {buffer_of(gpu, n * steps_ * out_), out_};
  dy_ = {buffer_of(gpu, n * steps_ * out_), out_};
  MPSRNNDescriptor* descriptor = nil;
  if (const auto* op = std::get_if<Lstm>(&node.op)) descriptor = lstm(*op);
  if (const auto* op = std::get_if<Gru>(&node.op)) descriptor = gru(*op);
  if (const auto* op = std::get_if<Mgu>(&node.op)) descriptor = mgu(*op);
  if (const auto* op = std::get_if<Rnn>(&node.op)) descriptor = rnn(*op);
  descriptor.useFloat32Weights = YES;
  matrices_ = adopt([[NSMutableArray alloc] init]);
  gradient_matrices_ = adopt([[NSMutableArray alloc] init]);
  states_ = adopt([[NSMutableArray alloc] init]);
  layer_ = adopt([[MPSRNNMatrixTrainingLayer alloc] initWithDevice:gpu.device
                                                     rnnDescriptor:descriptor
                                                  trainableWeights:matrices_]);
  [layer_.get() createWeightGradientMatrices:gradient_matrices_ dataType:MPSDataTypeFloat32];
  to_matrix_ = adopt([[MPSImageCopyToMatrix alloc]
      initWithDevice:gpu.device
          dataLayout:MPSDataLayoutHeightxWidthxFeatureChannels]);
  to_image_ = adopt([[MPSMatrixCopyToImage alloc]
      initWithDevice:gpu.device
          dataLayout:MPSDataLayoutHeightxWidthxFeatureChannels]);
}

Owned<MPSMatrix*> SequenceLayer::whole(const Steps& steps, NSUInteger images) const {
  const NSUInteger row = steps_ * steps.channels;
  return adopt([[MPSMatrix alloc] initWithBuffer:steps.memory.buffer
                                      descriptor:describe(images, row, row)]);
}

/// The same matrix for every step: `offsets` says where in it each step is.
Owned<NSArray<MPSMatrix*>*> SequenceLayer::views(const Steps& steps, NSUInteger images) const {
  const auto one = adopt([[MPSMatrix alloc]
      initWithBuffer:steps.memory.buffer
          descriptor:describe(images, steps.channels, steps_ * steps.channels)]);
  const auto all = adopt([[NSMutableArray alloc] init]);
  for (NSUInteger t = 0; t < steps_; ++t) [all.get() addObject:one.get()];
  return all;
}

std::vector<NSUInteger> SequenceLayer::offsets(const Steps& steps) const {
  std::vector<NSUInteger> out;
  for (NSUInteger t = 0; t < steps_; ++t)
    out.push_back((reverse_ ? steps_ - 1 - t : t) * steps.channels * sizeof(float));
  return out;
}

Owned<MPSMatrix*> SequenceLayer::matrix(const std::vector<Region>& from, const Weight& w) const {
  const Region& tensor = from[w.rows.tensor];
  return adopt([[MPSMatrix alloc] initWithBuffer:tensor.buffer
                                          offset:tensor.offset + w.rows.first * sizeof(float)
                                      descriptor:describe(w.height, w.width, w.width)]);
}

/// The masters into the layer's own order, which differs from machine to machine.
void SequenceLayer::copy_weights(id<MTLCommandBuffer> buffer) {
  for (const Weight& w : weights_)
    [layer_.get() encodeCopyWeightsToCommandBuffer:buffer
                                           weights:matrices_
                                          matrixId:w.id
                                            matrix:matrix(masters_, w).get()
                           copyFromWeightsToMatrix:NO
                                      matrixOffset:MTLOrigin{0, 0, 0}];
}

void SequenceLayer::forward(id<MTLCommandBuffer> buffer, MPSImageBatch* x, MPSImageBatch* y) {
  const NSUInteger images = [x count];
  copy_weights(buffer);
  [to_matrix_.get() encodeBatchToCommandBuffer:buffer
                                  sourceImages:x
                             destinationMatrix:whole(x_, images).get()];
  [states_.get() removeAllObjects];
  std::vector<NSUInteger> from = offsets(x_), to = offsets(y_);
  [layer_.get() encodeForwardSequenceToCommandBuffer:buffer
                                      sourceMatrices:views(x_, images).get()
                                       sourceOffsets:from.data()
                                 destinationMatrices:views(y_, images).get()
                                  destinationOffsets:to.data()
                                      trainingStates:states_
                                 recurrentInputState:nil
                               recurrentOutputStates:[NSMutableArray array]
                                             weights:matrices_];
  [to_image_.get() encodeBatchToCommandBuffer:buffer
                                 sourceMatrix:whole(y_, images).get()
                            destinationImages:y];
}

void SequenceLayer::backward(id<MTLCommandBuffer> buffer, MPSImageBatch* dy, MPSImageBatch* dx) {
  const NSUInteger images = [dy count];
  [to_matrix_.get() encodeBatchToCommandBuffer:buffer
                                  sourceImages:dy
                             destinationMatrix:whole(dy_, images).get()];
  std::vector<NSUInteger> of_x = offsets(x_), of_y = offsets(dy_);
  // In the order in which the steps came forward.
  [layer_.get() encodeGradientSequenceToCommandBuffer:buffer
                                       forwardSources:views(x_, images).get()
                                 forwardSourceOffsets:of_x.data()
                                      sourceGradients:views(dy_, images).get()
                                sourceGradientOffsets:of_y.data()
                                 destinationGradients:views(dx_, images).get()
                                   destinationOffsets:of_x.data()
                                      weightGradients:gradient_matrices_
                                       trainingStates:states_
                                  recurrentInputState:nil
                                recurrentOutputStates:nil
                                              weights:matrices_];
  if (dx != nil)
    [to_image_.get() encodeBatchToCommandBuffer:buffer
                                   sourceMatrix:whole(dx_, images).get()
                              destinationImages:dx];
  take_gradients(buffer);
}

void SequenceLayer::take_gradients(id<MTLCommandBuffer> buffer) {
  if (!parameters_->wanted()) return;
  for (const Weight& w : weights_)
    [layer_.get() encodeCopyWeightsToCommandBuffer:buffer
                                           weights:gradient_matrices_
                                          matrixId:w.id
                                            matrix:matrix(gradients_, w).get()
                           copyFromWeightsToMatrix:YES
                                      matrixOffset:MTLOrigin{0, 0, 0}];
  parameters_->take(buffer, gradients_);
}

}  // namespace mpsnn::metal
