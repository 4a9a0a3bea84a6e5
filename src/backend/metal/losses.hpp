#pragma once

#include <vector>

#include "backend/metal/host_values.hpp"
#include "backend/metal/loss_plan.hpp"
#include "backend/metal/translation.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// A loss: see is_direct_loss.
MPSNNImageNode* loss_node(NodeContext& context);
MPSNNImageNode* yolo_loss_node(NodeContext& context);

/// The labels and weights of one loss, and the losses that come back: states of MPS's made once,
/// for the runs of all slots. Weights carry whatever the loss is scaled by, as one of MPS's losses
/// does not divide its gradient.
class LossStates {
 public:
  LossStates(const Graph& graph, const Translation::LossNode& loss, Gpu& gpu, int slots, int batch);

  void fill(const Bindings& bindings, int slot);
  /// Hands the weights to the device in the scale of the run.
  void scale(const RunAt& run);
  Owned<MPSStateBatch*> states(int slot, int images) const;
  void synchronize(id<MTLCommandBuffer> buffer, int slot, int images) const;
  void read(int slot, int images, float* to) const;
  ValueId value() const { return value_; }
  std::size_t bytes() const;

 private:
  struct Slot {
    std::unique_ptr<ImageBatch> labels, weights;
    Owned<NSMutableArray<MPSCNNLossLabels*>*> states;
    std::vector<float> unscaled;  ///< The weights.
    std::vector<float> factors;  ///< Of each image's loss; of its own weight alone where that is 0.
    float scale = 1;
  };
  float divisor(const float* weights) const;

  const LossTraits op_;
  const Shape x_;
  const bool divided_;  ///< By the number of images: the gradient is that of their mean.
  ValueId value_, labels_, weights_;
  Dim classes_ = 1, weights_per_image_ = 1;
  std::vector<Slot> slots_;
};

}  // namespace mpsnn::metal
