#pragma once

#include <memory>

#include "backend/metal/memory.hpp"
#include "backend/metal/updates.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// What differs from step to step.
struct StepRates {
  float learning_rate = 0;
  std::uint64_t step = 0;  ///< Steps completed before.
  float loss_scale = 1;    ///< Of the gradients.
};

/// An update rule of one tensor, by an optimizer of MPS's.
class Rule {
 public:
  virtual ~Rule() = default;
  /// Encodes value <- rule(value, gradient), with its states.
  virtual void encode(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) = 0;
};

/// `value` and `states` are where the rule's node has its variables; absent states are null.
std::unique_ptr<Rule> make_rule(id<MTLDevice> device, const DeviceRule& rule, const Region& value,
                                const std::vector<Region>& states);

/// to <- keep * to + (1 - keep) * scale * from, by stochastic gradient descent with a negative rate
/// and regularization, as turicreate found.
class MovingAverage {
 public:
  MovingAverage(id<MTLDevice> device, float keep, const Region& to);
  void encode(id<MTLCommandBuffer> buffer, MPSVector* from, float scale);

 private:
  Owned<id<MTLDevice>> device_;
  float keep_;
  Owned<MPSVector*> to_;
  float scale_ = 0;  ///< Of the optimizer that there is.
  Owned<MPSNNOptimizerStochasticGradientDescent*> optimizer_;
};

/// to <- to + from.
class Adder {
 public:
  explicit Adder(id<MTLDevice> device);
  void encode(id<MTLCommandBuffer> buffer, MPSVector* from, MPSVector* to);

 private:
  Owned<MPSNNOptimizerStochasticGradientDescent*> optimizer_;
};

}  // namespace mpsnn::metal
