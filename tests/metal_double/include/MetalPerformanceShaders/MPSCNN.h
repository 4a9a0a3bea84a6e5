// Kernels, data sources, states and losses of networks, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSNeuralNetworkTypes.h>

NS_ASSUME_NONNULL_BEGIN

@interface MPSNNNeuronDescriptor : NSObject {
  MPSCNNNeuronType _neuronType;
  float _a, _b, _c;
}
@property(nonatomic, readwrite) MPSCNNNeuronType neuronType;
@property(nonatomic, readwrite) float a;
@property(nonatomic, readwrite) float b;
@property(nonatomic, readwrite) float c;
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type;
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type a:(float)a;
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type a:(float)a b:(float)b;
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type
                                                    a:(float)a
                                                    b:(float)b
                                                    c:(float)c;
@end

@interface MPSCNNKernel : MPSKernel {
  MPSOffset _offset;
  MPSImageEdgeMode _edgeMode;
  NSUInteger _kernelWidth, _kernelHeight, _strideInPixelsX, _strideInPixelsY;
  NSUInteger _dilationRateX, _dilationRateY;
}
@property(nonatomic, readwrite) MPSOffset offset;
@property(nonatomic, readwrite) MPSImageEdgeMode edgeMode;
@property(nonatomic, readonly) NSUInteger kernelWidth;
@property(nonatomic, readonly) NSUInteger kernelHeight;
@property(nonatomic, readonly) NSUInteger strideInPixelsX;
@property(nonatomic, readonly) NSUInteger strideInPixelsY;
@property(nonatomic, readonly) NSUInteger dilationRateX;
@property(nonatomic, readonly) NSUInteger dilationRateY;
@end

@interface MPSCNNConvolutionTranspose : MPSCNNKernel {
  NSInteger _kernelOffsetX, _kernelOffsetY;
}
@property(nonatomic, readwrite) long kernelOffsetX;
@property(nonatomic, readwrite) long kernelOffsetY;
@end

@interface MPSCNNConvolutionDescriptor : NSObject <NSCopying> {
  NSUInteger _kernelWidth, _kernelHeight, _inputFeatureChannels, _outputFeatureChannels;
  NSUInteger _strideInPixelsX, _strideInPixelsY, _groups, _dilationRateX, _dilationRateY;
  MPSNNNeuronDescriptor* _fusedNeuronDescriptor;
}
@property(nonatomic, readwrite) NSUInteger kernelWidth;
@property(nonatomic, readwrite) NSUInteger kernelHeight;
@property(nonatomic, readwrite) NSUInteger inputFeatureChannels;
@property(nonatomic, readwrite) NSUInteger outputFeatureChannels;
@property(nonatomic, readwrite) NSUInteger strideInPixelsX;
@property(nonatomic, readwrite) NSUInteger strideInPixelsY;
@property(nonatomic, readwrite) NSUInteger groups;
@property(nonatomic, readwrite) NSUInteger dilationRateX;
@property(nonatomic, readwrite) NSUInteger dilationRateY;
@property(nonatomic, readwrite, retain, nullable) MPSNNNeuronDescriptor* fusedNeuronDescriptor;
+ (instancetype)cnnConvolutionDescriptorWithKernelWidth:(NSUInteger)width
                                           kernelHeight:(NSUInteger)kernelHeight
                                   inputFeatureChannels:(NSUInteger)inputFeatureChannels
                                  outputFeatureChannels:(NSUInteger)outputFeatureChannels;
@end

@interface MPSCNNDepthWiseConvolutionDescriptor : MPSCNNConvolutionDescriptor
@property(nonatomic, readonly) NSUInteger channelMultiplier;
@end

@interface MPSNNGradientState : MPSState
@end

@interface MPSCNNConvolutionGradientState : MPSNNGradientState {
  id<MTLBuffer> _gradientForWeights, _gradientForBiases;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForWeights;
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForBiases;
@end

@interface MPSCNNConvolutionWeightsAndBiasesState : MPSState {
  id<MTLBuffer> _weights, _biases;
  NSUInteger _weightsOffset, _biasesOffset;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> weights;
@property(nonatomic, readonly, nullable) id<MTLBuffer> biases;
@property(nonatomic, readonly) NSUInteger weightsOffset;
@property(nonatomic, readonly) NSUInteger biasesOffset;
- (instancetype)initWithWeights:(id<MTLBuffer>)weights biases:(nullable id<MTLBuffer>)biases;
- (instancetype)initWithWeights:(id<MTLBuffer>)weights
                  weightsOffset:(NSUInteger)weightsOffset
                         biases:(nullable id<MTLBuffer>)biases
                   biasesOffset:(NSUInteger)biasesOffset
       cnnConvolutionDescriptor:(MPSCNNConvolutionDescriptor*)cnnConvolutionDescriptor;
@end

@interface MPSCNNNormalizationGammaAndBetaState : MPSState {
  id<MTLBuffer> _gamma, _beta;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> gamma;
@property(nonatomic, readonly, nullable) id<MTLBuffer> beta;
- (instancetype)initWithGamma:(id<MTLBuffer>)gamma beta:(id<MTLBuffer>)beta;
@end

@interface MPSCNNNormalizationMeanAndVarianceState : MPSState {
  id<MTLBuffer> _mean, _variance;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> mean;
@property(nonatomic, readonly, nullable) id<MTLBuffer> variance;
- (instancetype)initWithMean:(id<MTLBuffer>)mean variance:(id<MTLBuffer>)variance;
@end

@interface MPSCNNBatchNormalizationState : MPSNNGradientState {
  id<MTLBuffer> _gamma, _beta, _mean, _variance, _gradientForGamma, _gradientForBeta;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> gamma;
@property(nonatomic, readonly, nullable) id<MTLBuffer> beta;
@property(nonatomic, readonly, nullable) id<MTLBuffer> mean;
@property(nonatomic, readonly, nullable) id<MTLBuffer> variance;
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForGamma;
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForBeta;
@end

@interface MPSCNNInstanceNormalizationGradientState : MPSNNGradientState {
  id<MTLBuffer> _gradientForGamma, _gradientForBeta;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForGamma;
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForBeta;
@end

@interface MPSCNNGroupNormalizationGradientState : MPSNNGradientState {
  id<MTLBuffer> _gradientForGamma, _gradientForBeta;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForGamma;
@property(nonatomic, readonly, nullable) id<MTLBuffer> gradientForBeta;
@end

typedef NSArray<MPSCNNInstanceNormalizationGradientState*>
    MPSCNNInstanceNormalizationGradientStateBatch;
typedef NSArray<MPSCNNGroupNormalizationGradientState*> MPSCNNGroupNormalizationGradientStateBatch;

@protocol MPSCNNConvolutionDataSource <NSCopying, NSObject>
- (MPSDataType)dataType;
- (MPSCNNConvolutionDescriptor*)descriptor;
- (void*)weights;
- (nullable float*)biasTerms;
- (BOOL)load;
- (void)purge;
- (nullable NSString*)label;
@optional
- (nullable MPSCNNConvolutionWeightsAndBiasesState*)
    updateWithCommandBuffer:(id<MTLCommandBuffer>)buffer
              gradientState:(MPSCNNConvolutionGradientState*)gradientState
                sourceState:(MPSCNNConvolutionWeightsAndBiasesState*)sourceState;
- (MPSDataType)kernelWeightsDataType;
@end

@protocol MPSCNNBatchNormalizationDataSource <NSCopying, NSObject>
- (NSUInteger)numberOfFeatureChannels;
- (nullable float*)gamma;
- (nullable float*)beta;
- (nullable float*)mean;
- (nullable float*)variance;
- (BOOL)load;
- (void)purge;
- (nullable NSString*)label;
@optional
- (nullable MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)buffer
                batchNormalizationState:(MPSCNNBatchNormalizationState*)batchNormalizationState;
- (nullable MPSCNNNormalizationMeanAndVarianceState*)
    updateMeanAndVarianceWithCommandBuffer:(id<MTLCommandBuffer>)buffer
                   batchNormalizationState:(MPSCNNBatchNormalizationState*)batchNormalizationState;
- (float)epsilon;
@end

@protocol MPSCNNInstanceNormalizationDataSource <NSCopying, NSObject>
- (nullable float*)gamma;
- (nullable float*)beta;
- (NSUInteger)numberOfFeatureChannels;
- (nullable NSString*)label;
@optional
- (nullable MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)buffer
        instanceNormalizationStateBatch:
            (NSArray<MPSCNNInstanceNormalizationGradientState*>*)instanceNormalizationStateBatch;
- (float)epsilon;
- (BOOL)load;
- (void)purge;
@end

@protocol MPSCNNGroupNormalizationDataSource <NSCopying, NSObject>
- (nullable float*)gamma;
- (nullable float*)beta;
- (NSUInteger)numberOfFeatureChannels;
@property(nonatomic, readwrite) NSUInteger numberOfGroups;
- (nullable NSString*)label;
@optional
- (nullable MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)buffer
           groupNormalizationStateBatch:
               (NSArray<MPSCNNGroupNormalizationGradientState*>*)groupNormalizationStateBatch;
- (float)epsilon;
@end

@interface MPSCNNLossDescriptor : NSObject <NSCopying> {
  MPSCNNLossType _lossType;
  MPSCNNReductionType _reductionType;
  float _weight, _labelSmoothing, _epsilon, _delta;
  NSUInteger _numberOfClasses;
}
@property(nonatomic, readwrite) MPSCNNLossType lossType;
@property(nonatomic, readwrite) MPSCNNReductionType reductionType;
@property(nonatomic, readwrite) float weight;
@property(nonatomic, readwrite) float labelSmoothing;
@property(nonatomic, readwrite) float epsilon;
@property(nonatomic, readwrite) float delta;
@property(nonatomic, readwrite) NSUInteger numberOfClasses;
+ (MPSCNNLossDescriptor*)cnnLossDescriptorWithType:(MPSCNNLossType)type
                                     reductionType:(MPSCNNReductionType)reductionType;
@end

@interface MPSCNNLossLabels : MPSState {
  MPSImage *_lossImage, *_labelsImage, *_weightsImage;
}
- (MPSImage*)lossImage;
- (MPSImage*)labelsImage;
- (MPSImage*)weightsImage;
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 lossImageSize:(MTLSize)lossImageSize
                   labelsImage:(MPSImage*)labelsImage
                  weightsImage:(nullable MPSImage*)weightsImage;
@end

NS_ASSUME_NONNULL_END
