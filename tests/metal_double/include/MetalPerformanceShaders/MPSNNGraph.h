// Further nodes, and the graph, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSNNGraphNodes.h>

#include <memory>

struct StandInGraph;

NS_ASSUME_NONNULL_BEGIN

typedef NS_OPTIONS(NSUInteger, MPSNNComparisonType) {
  MPSNNComparisonTypeEqual = 0,
  MPSNNComparisonTypeNotEqual = 1,
  MPSNNComparisonTypeLess = 2,
  MPSNNComparisonTypeLessOrEqual = 3,
  MPSNNComparisonTypeGreater = 4,
  MPSNNComparisonTypeGreaterOrEqual = 5,
};

@interface MPSCNNUpsamplingNearestNode : MPSNNFilterNode {
  NSUInteger _x, _y;
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY;
@end

@interface MPSCNNUpsamplingBilinearNode : MPSNNFilterNode {
  NSUInteger _x, _y;
  BOOL _alignCorners;
}
@property(nonatomic, readonly) BOOL alignCorners;
- (instancetype)initWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY
                  alignCorners:(BOOL)alignCorners;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY
                  alignCorners:(BOOL)alignCorners;
@end

@interface MPSNNBinaryArithmeticNode : MPSNNFilterNode {
  float _primaryScale, _secondaryScale, _bias, _minimumValue, _maximumValue;
  NSUInteger _primaryStrideInPixelsX, _primaryStrideInPixelsY, _primaryStrideInFeatureChannels;
  NSUInteger _secondaryStrideInPixelsX, _secondaryStrideInPixelsY;
  NSUInteger _secondaryStrideInFeatureChannels;
}
@property(nonatomic, readwrite) float primaryScale;
@property(nonatomic, readwrite) float secondaryScale;
@property(nonatomic, readwrite) float bias;
@property(nonatomic, readwrite) float minimumValue;
@property(nonatomic, readwrite) float maximumValue;
@property(nonatomic, readwrite) NSUInteger primaryStrideInPixelsX;
@property(nonatomic, readwrite) NSUInteger primaryStrideInPixelsY;
@property(nonatomic, readwrite) NSUInteger primaryStrideInFeatureChannels;
@property(nonatomic, readwrite) NSUInteger secondaryStrideInPixelsX;
@property(nonatomic, readwrite) NSUInteger secondaryStrideInPixelsY;
@property(nonatomic, readwrite) NSUInteger secondaryStrideInFeatureChannels;
- (instancetype)initWithLeftSource:(MPSNNImageNode*)source rightSource:(MPSNNImageNode*)rightSource;
+ (instancetype)nodeWithLeftSource:(MPSNNImageNode*)source rightSource:(MPSNNImageNode*)rightSource;
@end

@interface MPSNNAdditionNode : MPSNNBinaryArithmeticNode
@end

@interface MPSNNSubtractionNode : MPSNNBinaryArithmeticNode
@end

@interface MPSNNMultiplicationNode : MPSNNBinaryArithmeticNode
@end

@interface MPSNNDivisionNode : MPSNNBinaryArithmeticNode
@end

@interface MPSNNComparisonNode : MPSNNBinaryArithmeticNode {
  MPSNNComparisonType _comparisonType;
}
@property(nonatomic, readwrite) MPSNNComparisonType comparisonType;
@end

@interface MPSNNConcatenationNode : MPSNNFilterNode
- (instancetype)initWithSources:(NSArray<MPSNNImageNode*>*)sources;
+ (instancetype)nodeWithSources:(NSArray<MPSNNImageNode*>*)sources;
@end

@interface MPSNNReshapeNode : MPSNNFilterNode {
  NSUInteger _width, _height, _channels;
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   resultWidth:(NSUInteger)resultWidth
                  resultHeight:(NSUInteger)resultHeight
         resultFeatureChannels:(NSUInteger)resultFeatureChannels;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                   resultWidth:(NSUInteger)resultWidth
                  resultHeight:(NSUInteger)resultHeight
         resultFeatureChannels:(NSUInteger)resultFeatureChannels;
@end

@interface MPSNNPadNode : MPSNNFilterNode {
  MPSImageCoordinate _before, _after;
  MPSImageEdgeMode _edgeMode;
  float _fillValue;
}
@property(nonatomic, readwrite) float fillValue;
- (instancetype)initWithSource:(MPSNNImageNode*)source
             paddingSizeBefore:(MPSImageCoordinate)paddingSizeBefore
              paddingSizeAfter:(MPSImageCoordinate)paddingSizeAfter
                      edgeMode:(MPSImageEdgeMode)edgeMode;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
             paddingSizeBefore:(MPSImageCoordinate)paddingSizeBefore
              paddingSizeAfter:(MPSImageCoordinate)paddingSizeAfter
                      edgeMode:(MPSImageEdgeMode)edgeMode;
@end

@interface MPSNNUnaryReductionNode : MPSNNFilterNode
- (instancetype)initWithSource:(MPSNNImageNode*)source;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source;
@end

@interface MPSNNReductionSpatialMeanNode : MPSNNUnaryReductionNode
@end

@interface MPSNNGramMatrixCalculationNode : MPSNNFilterNode {
  float _alpha;
}
@property(nonatomic, readonly) float alpha;
- (instancetype)initWithSource:(MPSNNImageNode*)source alpha:(float)alpha;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source alpha:(float)alpha;
@end

@interface MPSCNNLossNode : MPSNNFilterNode {
  MPSCNNLossDescriptor* _descriptor;
  MPSNNLabelsNode* _inputLabels;
}
@property(nonatomic, readonly, nullable) MPSNNLabelsNode* inputLabels;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor;
@end

@interface MPSNNGraph : MPSKernel {
  id<MPSImageAllocator> _destinationImageAllocator;
  MPSImageFeatureChannelFormat _format;
  std::shared_ptr<StandInGraph> _graph;
}
@property(nonatomic, readwrite) MPSImageFeatureChannelFormat format;
@property(nonatomic, readwrite, retain, nullable) id<MPSImageAllocator> destinationImageAllocator;
@property(nonatomic, readonly, nullable) NSArray<id<MPSHandle>>* sourceImageHandles;
@property(nonatomic, readonly, nullable) NSArray<id<MPSHandle>>* sourceStateHandles;
@property(nonatomic, readonly, nullable) NSArray<id<MPSHandle>>* intermediateImageHandles;
@property(nonatomic, readonly) BOOL resultImageIsNeeded;
- (instancetype)initWithDevice:(id<MTLDevice>)device
                  resultImages:(NSArray<MPSNNImageNode*>*)resultImages
              resultsAreNeeded:(nullable BOOL*)resultsAreNeeded;
- (void)reloadFromDataSources;
- (nullable MPSImageBatch*)
    encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)buffer
                  sourceImages:(NSArray<MPSImageBatch*>*)sourceImages
                  sourceStates:(nullable NSArray<MPSStateBatch*>*)sourceStates
            intermediateImages:(nullable NSMutableArray<MPSImageBatch*>*)intermediateImages
             destinationStates:(nullable NSMutableArray<MPSStateBatch*>*)destinationStates;
@end

NS_ASSUME_NONNULL_END
