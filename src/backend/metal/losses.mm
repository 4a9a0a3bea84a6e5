#include "backend/metal/losses.hpp"

#include <algorithm>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
LossStates::LossStates(const Graph& graph, const Translation::LossNode& loss, Gpu& gpu, int slots,
                       int batch)
    : op_(loss.node->op),
      x_(image_shape(graph.desc(loss.node->inputs[0]).shape)),
      divided_(loss.differentiated),
      value_(loss.value),
      labels_(loss.node->inputs[1]),
      slots_(slots) {
  if (loss.node->inputs.size() > 2) weights_ = loss.node->inputs[2];
  const Shape& shape = graph.desc(labels_).shape;
  classes_ = shape.rank() ? shape[shape.rank() - 1] : 1;
  if (weights_) weights_per_image_ = graph.desc(weights_).shape.size();
  const bool whole = op_.reduction == Reduction::none;
  const MTLSize size =
      whole ? MTLSizeMake(static_cast<NSUInteger>(x_[1]), static_cast<NSUInteger>(x_[0]),
                          static_cast<NSUInteger>(x_[2]))
            : MTLSizeMake(1, 1, 1);
  for (Slot& slot : slots_) {
    slot.labels = std::make_unique<ImageBatch>(gpu.device, x_, DType::float32, batch);
    slot.weights = std::make_unique<ImageBatch>(gpu.device, x_, DType::float32, batch);
    slot.states = adopt([[NSMutableArray alloc] init]);
    for (int i = 0; i < batch; ++i)
      [slot.states.get()
          addObject:adopt([[MPSCNNLossLabels alloc] initWithDevice:gpu.device
                                                     lossImageSize:size
                                                       labelsImage:slot.labels->at(i)
                                                      weightsImage:slot.weights->at(i)])
                        .get()];
  }
}

/// What the reduction divides by, of one image.
float LossStates::divisor(const float* weights) const {
  if (op_.strict || op_.reduction == Reduction::none || op_.reduction == Reduction::sum) return 1;
  const Dim parts = op_.softmax ? x_[0] * x_[1] : x_.size();
  if (op_.reduction == Reduction::mean || !weights) return static_cast<float>(parts);
  const Dim nonzero =
      std::count_if(weights, weights + weights_per_image_, [](float w) { return w != 0; });
  const Dim each = weights_per_image_ == x_.size() && x_.size() > 1 ? nonzero : nonzero * parts;
  return static_cast<float>(std::max<Dim>(each, 1));
}

void LossStates::fill(const Bindings& bindings, int index) {
  Slot& slot = slots_[index];
  const int images = bindings.images;
  slot.labels->write(labels_of(*bound(bindings, labels_), x_.size() * images, classes_).data(),
                     images);
  const HostArray* array = bound(bindings, weights_);
  const auto* given = array ? static_cast<const float*>(array->data) : nullptr;
  std::vector<float>& weights = slot.unscaled;
  weights.resize(x_.size() * images);
  slot.factors.assign(images, 1);
  for (int i = 0; i < images; ++i) {
    const float* own = given ? given + i * weights_per_image_ : nullptr;
    const float scale = op_.weight / divisor(own) / static_cast<float>(divided_ ? images : 1);
    for (Dim e = 0; e < x_.size(); ++e)
      weights[i * x_.size() + e] = scale * (own ? own[weights_per_image_ > 1 ? e : 0] : 1);
    slot.factors[i] = op_.cosine ? weights[i * x_.size()] : scale;
  }
}

void LossStates::scale(const RunAt& run) {
  Slot& slot = slots_[run.slot];
  slot.scale = run.loss_scale;
  std::vector<float> weights(slot.unscaled);
  for (float& w : weights) w *= slot.scale;
  slot.weights->write(weights.data(), run.images);
}

Owned<MPSStateBatch*> LossStates::states(int slot, int images) const {
  return keep<MPSStateBatch*>((MPSStateBatch*)[slots_[slot].states.get()
      subarrayWithRange:NSMakeRange(0, static_cast<NSUInteger>(images))]);
}

void LossStates::synchronize(id<MTLCommandBuffer> buffer, int slot, int images) const {
  for (int i = 0; i < images; ++i)
    [[slots_[slot].states.get() objectAtIndex:static_cast<NSUInteger>(i)]
        synchronizeOnCommandBuffer:buffer];
}

void LossStates::read(int slot, int images, float* to) const {
  const Slot& from = slots_[slot];
  const Dim each = op_.reduction == Reduction::none ? x_.size() : 1;
  for (int i = 0; i < images; ++i) {
    float* at = to + i * each;
    [[[from.states.get() objectAtIndex:static_cast<NSUInteger>(i)] lossImage]
         readBytes:at
        dataLayout:MPSDataLayoutHeightxWidthxFeatureChannels
        imageIndex:0];
    const float n = static_cast<float>(divided_ ? images : 1) / from.scale;
    const float factor = from.factors[i] * from.scale;
    if (op_.cosine)
      // 1 - f sum, for w (1 - sum): f is w / n.
      *at = factor == 0 ? 0 : factor * n - (1 - *at) * n;
    else
      for (Dim e = 0; e < each; ++e) at[e] *= n;
  }
}

std::size_t LossStates::bytes() const {
  return slots_.empty() ? 0 : slots_.size() * 2 * slots_[0].labels->bytes();
}

}  // namespace mpsnn::metal
