// Optimizers, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSCNN.h>

NS_ASSUME_NONNULL_BEGIN

typedef NS_ENUM(NSUInteger, MPSNNRegularizationType) {
  MPSNNRegularizationTypeNone = 0,
  MPSNNRegularizationTypeL1 = 1,
  MPSNNRegularizationTypeL2 = 2,
};

@interface MPSNNOptimizerDescriptor : NSObject {
  float _learningRate, _gradientRescale, _gradientClipMax, _gradientClipMin, _regularizationScale;
  BOOL _applyGradientClipping;
  MPSNNRegularizationType _regularizationType;
}
@property(nonatomic, readwrite) float learningRate;
@property(nonatomic, readwrite) float gradientRescale;
@property(nonatomic, readwrite) BOOL applyGradientClipping;
@property(nonatomic, readwrite) float gradientClipMax;
@property(nonatomic, readwrite) float gradientClipMin;
@property(nonatomic, readwrite) MPSNNRegularizationType regularizationType;
@property(nonatomic, readwrite) float regularizationScale;
+ (instancetype)optimizerDescriptorWithLearningRate:(float)rate
                                    gradientRescale:(float)gradientRescale
                              applyGradientClipping:(BOOL)applyGradientClipping
                                    gradientClipMax:(float)gradientClipMax
                                    gradientClipMin:(float)gradientClipMin
                                 regularizationType:(MPSNNRegularizationType)regularizationType
                                regularizationScale:(float)regularizationScale;
@end

@interface MPSNNOptimizer : MPSKernel {
  float _learningRate;
  MPSNNOptimizerDescriptor* _descriptor;
}
@property(nonatomic, readwrite) float learningRate;
- (void)setLearningRate:(float)rate;
@end

@interface MPSNNOptimizerStochasticGradientDescent : MPSNNOptimizer {
  float _momentumScale;
  BOOL _useNesterovMomentum;
}
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 momentumScale:(float)momentumScale
           useNesterovMomentum:(BOOL)useNesterovMomentum
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor;
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(nullable MPSVector*)inputMomentumVector
           resultValuesVector:(MPSVector*)resultValuesVector;
@end

@interface MPSNNOptimizerRMSProp : MPSNNOptimizer {
  double _decay;
  float _epsilon;
}
- (instancetype)initWithDevice:(id<MTLDevice>)device
                         decay:(double)decay
                       epsilon:(float)epsilon
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor;
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
      inputSumOfSquaresVector:(MPSVector*)inputSumOfSquaresVector
           resultValuesVector:(MPSVector*)resultValuesVector;
@end

@interface MPSNNOptimizerAdam : MPSNNOptimizer {
  double _beta1, _beta2;
  float _epsilon;
  NSUInteger _timeStep;
}
@property(nonatomic, readwrite) NSUInteger timeStep;
- (instancetype)initWithDevice:(id<MTLDevice>)device
                         beta1:(double)beta1
                         beta2:(double)beta2
                       epsilon:(float)epsilon
                      timeStep:(NSUInteger)timeStep
           optimizerDescriptor:(MPSNNOptimizerDescriptor*)optimizerDescriptor;
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(MPSVector*)inputMomentumVector
          inputVelocityVector:(MPSVector*)inputVelocityVector
           resultValuesVector:(MPSVector*)resultValuesVector;
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
          inputGradientVector:(MPSVector*)inputGradientVector
            inputValuesVector:(MPSVector*)inputValuesVector
          inputMomentumVector:(MPSVector*)inputMomentumVector
          inputVelocityVector:(MPSVector*)inputVelocityVector
        maximumVelocityVector:(nullable MPSVector*)maximumVelocityVector
           resultValuesVector:(MPSVector*)resultValuesVector;
@end

NS_ASSUME_NONNULL_END
