#include <algorithm>
#include <cmath>

#include "metal_double/graph.hpp"

using metal_double::contents;
using metal_double::refuse;

namespace {

/// A vector that a kernel of the GPU reads or writes, when it runs.
struct View {
  MPSVector* vector;
  float* data() const { return contents(vector.data) + vector.offset / sizeof(float); }
  NSUInteger size() const { return vector.length; }
};

float sign(float x) { return static_cast<float>((x > 0) - (x < 0)); }

/// What all optimizers do to a gradient first.
float prepared(MPSNNOptimizerDescriptor* d, float gradient, float value) {
  if (d.applyGradientClipping)
    gradient = std::clamp(gradient, d.gradientClipMin, d.gradientClipMax);
  gradient *= d.gradientRescale;
  if (d.regularizationType == MPSNNRegularizationTypeL2) gradient += d.regularizationScale * value;
  if (d.regularizationType == MPSNNRegularizationTypeL1)
    gradient += d.regularizationScale * sign(value);
  return gradient;
}

/// f(prepared gradient, value, index) gives the new value.
template <class F>
void encode(id<MTLCommandBuffer> buffer, MPSNNOptimizerDescriptor* descriptor,
            NSArray<MPSVector*>* vectors, F f) {
  for (MPSVector* vector in vectors)
    if (vector.length != [[vectors objectAtIndex:0] length])
      refuse(@"an optimizer's vectors have %d and %d elements",
             (int)[[vectors objectAtIndex:0] length], (int)vector.length);
  [(id<StandInEncoding>)buffer keep:descriptor];
  [(id<StandInEncoding>)buffer keep:vectors];
  [(id<StandInEncoding>)buffer encode:[=] {
    const View gradient{[vectors objectAtIndex:0]}, value{[vectors objectAtIndex:1]};
    const View result{[vectors objectAtIndex:2]};
    std::vector<float*> states;
    for (NSUInteger i = 3; i < [vectors count]; ++i)
      states.push_back(View{[vectors objectAtIndex:i]}.data());
    for (NSUInteger i = 0; i < value.size(); ++i) {
      const float w = value.data()[i];
      result.data()[i] = f(prepared(descriptor, gradient.data()[i], w), w, states, i);
    }
  }];
}

}  // namespace

@implementation MPSNNOptimizerDescriptor
@synthesize learningRate = _learningRate, gradientRescale = _gradientRescale;
@synthesize applyGradientClipping = _applyGradientClipping;
@synthesize gradientClipMax = _gradientClipMax, gradientClipMin = _gradientClipMin;
@synthesize regularizationType = _regularizationType, regularizationScale = _regularizationScale;
+ (instancetype)optimizerDescriptorWithLearningRate:(float)rate
                                    gradientRescale:(float)gradientRescale
                              applyGradientClipping:(BOOL)applyGradientClipping
                                    gradientClipMax:(float)gradientClipMax
                                    gradientClipMin:(float)gradientClipMin
                                 regularizationType:(MPSNNRegularizationType)regularizationType
                                regularizationScale:(float)regularizationScale {
  MPSNNOptimizerDescriptor* d = [[[self alloc] init] autorelease];
  d.learningRate = rate;
  d.gradientRescale = gradientRescale;
  d.applyGradientClipping = applyGradientClipping;
  d.gradientClipMax = gradientClipMax;
  d.gradientClipMin = gradientClipMin;
  d.regularizationType = regularizationType;
  d.regularizationScale = regularizationScale;
  return d;
}
@end

@implementation MPSNNOptimizer
@synthesize learningRate = _learningRate;
- (instancetype)initStandIn:(id<MTLDevice>)device descriptor:(MPSNNOptimizerDescriptor*)descriptor {
  if (!(self = [self initWithDevice:device])) return nil;
  _descriptor = [descriptor retain];
  _learningRate = descriptor.learningRate;
  return self;
}
- (void)dealloc {
  [_descriptor release];
  [super dealloc];
}
- (void)setLearningRate:(float)learningRate {
  _learningRate = learningRate;
}
@end

@interface MPSNNOptimizer (StandIn)
- (instancetype)initStandIn:(id<MTLDevice>)device descriptor:(MPSNNOptimizerDescriptor*)descriptor;
@end

@implementation MPSNNOptimizerStochasticGradientDescent
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 momentumScale:(float)momentumScale
           useNesterovMomentum:(BOOL)useNesterovMomentum
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor {
  if (!(self = [self initStandIn:device descriptor:optimizerDescriptor])) return nil;
  _momentumScale = momentumScale;
  _useNesterovMomentum = useNesterovMomentum;
  return self;
}
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(MPSVector*)inputMomentumVector
           resultValuesVector:(MPSVector*)resultValuesVector {
  if ((inputMomentumVector == nil) != (_momentumScale == 0))
    refuse(@"momentum of %g and its vector do not go together", _momentumScale);
  const float rate = _learningRate, keep = _momentumScale;
  const bool nesterov = _useNesterovMomentum;
  encode(buffer, _descriptor,
         [NSArray arrayWithObjects:inputGradientVector, inputValuesVector, resultValuesVector,
                                   inputMomentumVector, nil],
         [=](float g, float w, const std::vector<float*>& states, NSUInteger i) {
           if (states.empty()) return w - rate * g;
           float& m = states[0][i];
           if (nesterov) {
             m = keep * m + g;
             return w - rate * (g + keep * m);
           }
           m = keep * m + rate * g;
           return w - m;
         });
}
@end

@implementation MPSNNOptimizerRMSProp
- (instancetype)initWithDevice:(id<MTLDevice>)device
                         decay:(double)decay
                       epsilon:(float)epsilon
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor {
  if (!(self = [self initStandIn:device descriptor:optimizerDescriptor])) return nil;
  _decay = decay;
  _epsilon = epsilon;
  return self;
}
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
      inputSumOfSquaresVector:(MPSVector*)inputSumOfSquaresVector
           resultValuesVector:(MPSVector*)resultValuesVector {
  const auto rate = _learningRate, keep = static_cast<float>(_decay), epsilon = _epsilon;
  encode(buffer, _descriptor,
         [NSArray arrayWithObjects:inputGradientVector, inputValuesVector, resultValuesVector,
                                   inputSumOfSquaresVector, nil],
         [=](float g, float w, const std::vector<float*>& states, NSUInteger i) {
           float& s = states[0][i];
           s = keep * s + (1 - keep) * g * g;
           return w - rate * g / (std::sqrt(s) + epsilon);
         });
}
@end

@implementation MPSNNOptimizerAdam
@synthesize timeStep = _timeStep;
- (instancetype)initWithDevice:(id<MTLDevice>)device
                         beta1:(double)beta1
                         beta2:(double)beta2
                       epsilon:(float)epsilon
                      timeStep:(NSUInteger)timeStep
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor {
  if (!(self = [self initStandIn:device descriptor:optimizerDescriptor])) return nil;
  _beta1 = beta1;
  _beta2 = beta2;
  _epsilon = epsilon;
  _timeStep = timeStep;
  return self;
}
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(MPSVector*)inputMomentumVector
          inputVelocityVector:(MPSVector*)inputVelocityVector
           resultValuesVector:(MPSVector*)resultValuesVector {
  [self encodeToCommandBuffer:buffer
          inputGradientVector:inputGradientVector
            inputValuesVector:inputValuesVector
          inputMomentumVector:inputMomentumVector
          inputVelocityVector:inputVelocityVector
        maximumVelocityVector:nil
           resultValuesVector:resultValuesVector];
}
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(MPSVector*)inputMomentumVector
          inputVelocityVector:(MPSVector*)inputVelocityVector
        maximumVelocityVector:(MPSVector*)maximumVelocityVector
           resultValuesVector:(MPSVector*)resultValuesVector {
  const double t = static_cast<double>(++_timeStep);  // each encode is a step
  const auto rate = static_cast<float>(_learningRate * std::sqrt(1 - std::pow(_beta2, t)) /
                                       (1 - std::pow(_beta1, t)));
  const auto b1 = static_cast<float>(_beta1), b2 = static_cast<float>(_beta2), epsilon = _epsilon;
  encode(buffer, _descriptor,
         [NSArray arrayWithObjects:inputGradientVector, inputValuesVector, resultValuesVector,
                                   inputMomentumVector, inputVelocityVector, maximumVelocityVector,
                                   nil],
         [=](float g, float w, const std::vector<float*>& states, NSUInteger i) {
           float &m = states[0][i], &v = states[1][i];
           m = b1 * m + (1 - b1) * g;
           v = b2 * v + (1 - b2) * g * g;
           float velocity = v;
           if (states.size() > 2) velocity = states[2][i] = std::max(states[2][i], v);
           return w - rate * m / (std::sqrt(velocity) + epsilon);
         });
}
@end
