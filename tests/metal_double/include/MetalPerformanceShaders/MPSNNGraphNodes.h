// The nodes of a graph, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSCNN.h>

@class MPSNNFilterNode;
@class MPSNNGradientFilterNode;

NS_ASSUME_NONNULL_BEGIN

@protocol MPSNNPadding <NSObject, NSSecureCoding>
- (MPSNNPaddingMethod)paddingMethod;
@optional
- (nullable NSString*)label;
- (MPSImageDescriptor*)
    destinationImageDescriptorForSourceImages:(MPSImageBatch*)images
                                 sourceStates:(nullable MPSStateBatch*)sourceStates
                                    forKernel:(MPSKernel*)forKernel
                          suggestedDescriptor:(MPSImageDescriptor*)suggestedDescriptor;
- (instancetype)inverse;
@end

@interface MPSNNImageNode : NSObject {
  id<MPSHandle> _handle;
  MPSImageFeatureChannelFormat _format;
  id<MPSImageAllocator> _imageAllocator;
  BOOL _exportFromGraph, _synchronizeResource;
  MPSNNFilterNode* _producer;  // which owns this
  BOOL _produced;
}
@property(nonatomic, readwrite, retain, nullable) id<MPSHandle> handle;
@property(nonatomic, readwrite) MPSImageFeatureChannelFormat format;
@property(nonatomic, readwrite, retain, nullable) id<MPSImageAllocator> imageAllocator;
@property(nonatomic, readwrite) BOOL exportFromGraph;
@property(nonatomic, readwrite) BOOL synchronizeResource;
+ (instancetype)nodeWithHandle:(nullable NSObject<MPSHandle>*)handle;
@end

@interface MPSNNStateNode : NSObject {
  id<MPSHandle> _handle;
}
@property(nonatomic, readwrite, retain, nullable) id<MPSHandle> handle;
@end

@interface MPSNNLabelsNode : MPSNNStateNode
@end

@interface MPSNNGradientStateNode : MPSNNStateNode
@end

@interface MPSCNNConvolutionGradientStateNode : MPSNNGradientStateNode
@end

@interface MPSNNFilterNode : NSObject {
  NSArray<MPSNNImageNode*>* _sources;
  MPSNNImageNode* _resultImage;
  id<MPSNNPadding> _paddingPolicy;
  NSString* _label;
}
@property(nonatomic, readonly, nullable) MPSNNImageNode* resultImage;
@property(nonatomic, readwrite, retain, nullable) id<MPSNNPadding> paddingPolicy;
@property(nonatomic, readwrite, copy, nullable) NSString* label;
- (MPSNNGradientFilterNode*)gradientFilterWithSource:(MPSNNImageNode*)source;
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:(NSArray<MPSNNImageNode*>*)sources;
@end

@interface MPSNNGradientFilterNode : MPSNNFilterNode {
  MPSNNFilterNode* _forward;
  NSUInteger _index;
}
@end

@protocol MPSNNTrainableNode <NSObject>
@property(nonatomic, readwrite) MPSNNTrainingStyle trainingStyle;
@end

@interface MPSCNNConvolutionNode : MPSNNFilterNode <MPSNNTrainableNode> {
  id<MPSCNNConvolutionDataSource> _weights;
  MPSNNTrainingStyle _trainingStyle;
  MPSNNConvolutionAccumulatorPrecisionOption _accumulatorPrecision;
}
@property(nonatomic, readwrite) MPSNNTrainingStyle trainingStyle;
@property(nonatomic, readwrite) MPSNNConvolutionAccumulatorPrecisionOption accumulatorPrecision;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                       weights:(id<MPSCNNConvolutionDataSource>)weights;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                       weights:(id<MPSCNNConvolutionDataSource>)weights;
@end

@interface MPSCNNFullyConnectedNode : MPSCNNConvolutionNode
@end

@interface MPSCNNConvolutionTransposeNode : MPSCNNConvolutionNode
- (instancetype)initWithSource:(MPSNNImageNode*)source
      convolutionGradientState:
          (nullable MPSCNNConvolutionGradientStateNode*)convolutionGradientState
                       weights:(id<MPSCNNConvolutionDataSource>)weights;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
      convolutionGradientState:
          (nullable MPSCNNConvolutionGradientStateNode*)convolutionGradientState
                       weights:(id<MPSCNNConvolutionDataSource>)weights;
@end

@interface MPSCNNPoolingNode : MPSNNFilterNode {
  NSUInteger _kernelWidth, _kernelHeight, _strideInPixelsX, _strideInPixelsY;
}
@property(nonatomic, readonly) NSUInteger kernelWidth;
@property(nonatomic, readonly) NSUInteger kernelHeight;
@property(nonatomic, readonly) NSUInteger strideInPixelsX;
@property(nonatomic, readonly) NSUInteger strideInPixelsY;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   kernelWidth:(NSUInteger)kernelWidth
                  kernelHeight:(NSUInteger)kernelHeight
               strideInPixelsX:(NSUInteger)strideInPixelsX
               strideInPixelsY:(NSUInteger)strideInPixelsY;
@end

@interface MPSCNNPoolingMaxNode : MPSCNNPoolingNode
@end

@interface MPSCNNPoolingAverageNode : MPSCNNPoolingNode
@end

@interface MPSCNNPoolingL2NormNode : MPSCNNPoolingNode
@end

@interface MPSCNNDilatedPoolingMaxNode : MPSNNFilterNode {
  NSUInteger _kernelWidth, _kernelHeight, _strideInPixelsX, _strideInPixelsY;
  NSUInteger _dilationRateX, _dilationRateY;
}
@property(nonatomic, readonly) NSUInteger dilationRateX;
@property(nonatomic, readonly) NSUInteger dilationRateY;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   kernelWidth:(NSUInteger)kernelWidth
                  kernelHeight:(NSUInteger)kernelHeight
               strideInPixelsX:(NSUInteger)strideInPixelsX
               strideInPixelsY:(NSUInteger)strideInPixelsY
                 dilationRateX:(NSUInteger)dilationRateX
                 dilationRateY:(NSUInteger)dilationRateY;
@end

@interface MPSCNNBatchNormalizationNode : MPSNNFilterNode <MPSNNTrainableNode> {
  id<MPSCNNBatchNormalizationDataSource> _dataSource;
  MPSNNTrainingStyle _trainingStyle;
  MPSCNNBatchNormalizationFlags _flags;
}
@property(nonatomic, readwrite) MPSCNNBatchNormalizationFlags flags;
@property(nonatomic, readwrite) MPSNNTrainingStyle trainingStyle;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNBatchNormalizationDataSource>)dataSource;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNBatchNormalizationDataSource>)dataSource;
@end

@interface MPSCNNInstanceNormalizationNode : MPSNNFilterNode <MPSNNTrainableNode> {
  id<MPSCNNInstanceNormalizationDataSource> _dataSource;
  MPSNNTrainingStyle _trainingStyle;
}
@property(nonatomic, readwrite) MPSNNTrainingStyle trainingStyle;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNInstanceNormalizationDataSource>)dataSource;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNInstanceNormalizationDataSource>)dataSource;
@end

@interface MPSCNNGroupNormalizationNode : MPSNNFilterNode <MPSNNTrainableNode> {
  id<MPSCNNGroupNormalizationDataSource> _dataSource;
  MPSNNTrainingStyle _trainingStyle;
}
@property(nonatomic, readwrite) MPSNNTrainingStyle trainingStyle;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNGroupNormalizationDataSource>)dataSource;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                    dataSource:(id<MPSCNNGroupNormalizationDataSource>)dataSource;
@end

@interface MPSCNNNormalizationNode : MPSNNFilterNode {
  float _alpha, _beta, _delta;
}
@property(nonatomic, readwrite) float alpha;
@property(nonatomic, readwrite) float beta;
@property(nonatomic, readwrite) float delta;
@end

@interface MPSCNNSpatialNormalizationNode : MPSCNNNormalizationNode {
  NSUInteger _kernelWidth, _kernelHeight;
}
@property(nonatomic, readwrite) NSUInteger kernelWidth;
@property(nonatomic, readwrite) NSUInteger kernelHeight;
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSCNNLocalContrastNormalizationNode : MPSCNNNormalizationNode {
  NSUInteger _kernelWidth, _kernelHeight;
  float _p0, _pm, _ps;
}
@property(nonatomic, readwrite) NSUInteger kernelWidth;
@property(nonatomic, readwrite) NSUInteger kernelHeight;
@property(nonatomic, readwrite) float p0;
@property(nonatomic, readwrite) float pm;
@property(nonatomic, readwrite) float ps;
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSCNNCrossChannelNormalizationNode : MPSCNNNormalizationNode {
  NSUInteger _kernelSizeInFeatureChannels;
}
@property(nonatomic, readwrite) NSUInteger kernelSizeInFeatureChannels;
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSCNNSoftMaxNode : MPSNNFilterNode
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSCNNLogSoftMaxNode : MPSNNFilterNode
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSCNNNeuronNode : MPSNNFilterNode {
  MPSNNNeuronDescriptor* _descriptor;
}
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                    descriptor:(MPSNNNeuronDescriptor*)descriptor;
@end

NS_ASSUME_NONNULL_END
