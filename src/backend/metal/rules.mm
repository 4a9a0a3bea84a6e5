#include "backend/metal/rules.hpp"

#include <cmath>
#include <limits>

namespace mpsnn::metal {
namespace {

MPSNNOptimizerDescriptor* descriptor_of(const PrepareGradient& p) {
  constexpr float most = std::numeric_limits<float>::max();
  const bool clips = std::isfinite(p.clip_min) || std::isfinite(p.clip_max);
  const MPSNNRegularizationType type = p.l2 != 0   ? MPSNNRegularizationTypeL2
                                       : p.l1 != 0 ? MPSNNRegularizationTypeL1
                                                   : MPSNNRegularizationTypeNone;
  return [MPSNNOptimizerDescriptor optimizerDescriptorWithLearningRate:0
                                                       gradientRescale:p.rescale
                                                 applyGradientClipping:clips
                                                       gradientClipMax:std::min(p.clip_max, most)
                                                       gradientClipMin:std::max(p.clip_min, -most)
                                                    regularizationType:type
                                                   regularizationScale:p.l2 != 0 ? p.l2 : p.l1];
}

Owned<MPSNNOptimizerStochasticGradientDescent*> plain_sgd(id<MTLDevice> device, float rate,
                                                          const PrepareGradient& prepare) {
  auto out = adopt([[MPSNNOptimizerStochasticGradientDescent alloc]
           initWithDevice:device
            momentumScale:0
      useNesterovMomentum:NO
      optimizerDescriptor:descriptor_of(prepare)]);
  [out.get() setLearningRate:rate];
  return out;
}

/// A rule by an optimizer of MPS's, which keeps what it divides gradients by for life.
class OptimizerRule : public Rule {
 public:
  OptimizerRule(id<MTLDevice> device, const PrepareGradient& prepare, const Region& value)
      : device_(keep(device)), value_(value.vector()), prepare_(prepare) {}
  void encode(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) final {
    if (rates.loss_scale != loss_scale_) {
      PrepareGradient prepare = prepare_;
      prepare.rescale /= rates.loss_scale;  // after clipping
      prepare.clip_min *= rates.loss_scale;
      prepare.clip_max *= rates.loss_scale;
      make(descriptor_of(prepare));
      loss_scale_ = rates.loss_scale;
    }
    apply(buffer, gradient, rates);
  }

 protected:
  virtual void make(MPSNNOptimizerDescriptor* descriptor) = 0;
  virtual void apply(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) = 0;

  const Owned<id<MTLDevice>> device_;
  const Owned<MPSVector*> value_;

 private:
  const PrepareGradient prepare_;
  float loss_scale_ = 0;
};

class SgdRule final : public OptimizerRule {
 public:
  SgdRule(id<MTLDevice> device, const Sgd& op, const PrepareGradient& prepare, const Region& value,
          const Region* momentum)
      : OptimizerRule(device, prepare, value), op_(op) {
    if (momentum) momentum_ = momentum->vector();
  }

 private:
  void make(MPSNNOptimizerDescriptor* descriptor) override {
    optimizer_ = adopt([[MPSNNOptimizerStochasticGradientDescent alloc] initWithDevice:device_
                                                                         momentumScale:op_.momentum
                                                                   useNesterovMomentum:op_.nesterov
                                                                   optimizerDescriptor:descriptor]);
  }
  void apply(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) override {
    [optimizer_.get() setLearningRate:rates.learning_rate];
    [optimizer_.get() encodeToCommandBuffer:buffer
                        inputGradientVector:gradient
                          inputValuesVector:value_
                        inputMomentumVector:momentum_
                         resultValuesVector:value_];
  }

  const Sgd op_;
  Owned<MPSVector*> momentum_;
  Owned<MPSNNOptimizerStochasticGradientDescent*> optimizer_;
};

class RmsPropRule final : public OptimizerRule {
 public:
  RmsPropRule(id<MTLDevice> device, const RmsProp& op, const PrepareGradient& prepare,
              const Region& value, const Region& square)
      : OptimizerRule(device, prepare, value), op_(op), square_(square.vector()) {}

 private:
  void make(MPSNNOptimizerDescriptor* descriptor) override {
    optimizer_ = adopt([[MPSNNOptimizerRMSProp alloc] initWithDevice:device_
                                                               decay:op_.decay
                                                             epsilon:op_.epsilon
                                                 optimizerDescriptor:descriptor]);
  }
  void apply(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) override {
    [optimizer_.get() setLearningRate:rates.learning_rate];
    [optimizer_.get() encodeToCommandBuffer:buffer
                        inputGradientVector:gradient
                          inputValuesVector:value_
                    inputSumOfSquaresVector:square_
                         resultValuesVector:value_];
  }

  const RmsProp op_;
  const Owned<MPSVector*> square_;
  Owned<MPSNNOptimizerRMSProp*> optimizer_;
};

class AdamRule final : public OptimizerRule {
 public:
  AdamRule(id<MTLDevice> device, const Adam& op, const PrepareGradient& prepare,
           const Region& value, const std::vector<Region>& states)
      : OptimizerRule(device, prepare, value), op_(op) {
    for (const Region& r : states) states_.push_back(r.vector());
    // w <- w - rate * (0 * g + w): MPS has no decoupled decay of its own.
    if (op.weight_decay != 0) shrink_ = plain_sgd(device, 0, {.rescale = 0, .l2 = 1});
  }

 private:
  void make(MPSNNOptimizerDescriptor* descriptor) override {
    optimizer_ = adopt([[MPSNNOptimizerAdam alloc] initWithDevice:device_
                                                            beta1:op_.beta1
                                                            beta2:op_.beta2
                                                          epsilon:op_.epsilon
                                                         timeStep:0
                                              optimizerDescriptor:descriptor]);
  }
  void apply(id<MTLCommandBuffer> buffer, MPSVector* gradient, const StepRates& rates) override {
    if (shrink_) {
      [shrink_.get() setLearningRate:rates.learning_rate * op_.weight_decay];
      [shrink_.get() encodeToCommandBuffer:buffer
                       inputGradientVector:gradient
                         inputValuesVector:value_
                       inputMomentumVector:nil
                        resultValuesVector:value_];
    }
    [optimizer_.get() setLearningRate:rates.learning_rate];
    optimizer_.get().timeStep = rates.step;  // counted by this encode
    if (states_.size() == 3)
      [optimizer_.get() encodeToCommandBuffer:buffer
                          inputGradientVector:gradient
                            inputValuesVector:value_
                          inputMomentumVector:states_[0]
                          inputVelocityVector:states_[1]
                        maximumVelocityVector:states_[2]
                           resultValuesVector:value_];
    else
      [optimizer_.get() encodeToCommandBuffer:buffer
                          inputGradientVector:gradient
                            inputValuesVector:value_
                          inputMomentumVector:states_[0]
                          inputVelocityVector:states_[1]
                           resultValuesVector:value_];
  }

  const Adam op_;
  std::vector<Owned<MPSVector*>> states_;  // momentum, velocity, and the largest velocity
  Owned<MPSNNOptimizerStochasticGradientDescent*> shrink_;
  Owned<MPSNNOptimizerAdam*> optimizer_;
};

}  // namespace

std::unique_ptr<Rule> make_rule(id<MTLDevice> device, const DeviceRule& rule, const Region& value,
                                const std::vector<Region>& states) {
  const PrepareGradient prepare = rule.prepare ? *rule.prepare : PrepareGradient{};
  if (const auto* sgd = std::get_if<Sgd>(&rule.rule.op))
    return std::make_unique<SgdRule>(device, *sgd, prepare, value,
                                     states.empty() ? nullptr : &states[0]);
  if (const auto* rms = std::get_if<RmsProp>(&rule.rule.op))
    return std::make_unique<RmsPropRule>(device, *rms, prepare, value, states[0]);
  return std::make_unique<AdamRule>(device, std::get<Adam>(rule.rule.op), prepare, value, states);
}

MovingAverage::MovingAverage(id<MTLDevice> device, float keep, const Region& to)
    : device_(metal::keep(device)), keep_(keep), to_(to.vector()) {}

void MovingAverage::encode(id<MTLCommandBuffer> buffer, MPSVector* from, float scale) {
  if (scale != scale_ || !optimizer_) {
    // w <- w + (1 - keep) * (scale * g - w)
    optimizer_ = plain_sgd(device_, keep_ - 1, {.rescale = scale, .l2 = -1});
    scale_ = scale;
  }
  [optimizer_.get() encodeToCommandBuffer:buffer
                      inputGradientVector:from
                        inputValuesVector:to_
                      inputMomentumVector:nil
                       resultValuesVector:to_];
}

Adder::Adder(id<MTLDevice> device) : optimizer_(plain_sgd(device, -1, {})) {}

void Adder::encode(id<MTLCommandBuffer> buffer, MPSVector* from, MPSVector* to) {
  [optimizer_.get() encodeToCommandBuffer:buffer
                      inputGradientVector:from
                        inputValuesVector:to
                      inputMomentumVector:nil
                       resultValuesVector:to];
}

}  // namespace mpsnn::metal
