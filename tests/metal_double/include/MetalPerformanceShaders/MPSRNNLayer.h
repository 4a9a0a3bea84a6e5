// Matrices and recurrent layers, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSCNN.h>

#include <memory>

struct StandInRecurrent;

NS_ASSUME_NONNULL_BEGIN

typedef NS_ENUM(NSUInteger, MPSRNNMatrixId) {
  MPSRNNMatrixIdSingleGateInputWeights = 0,
  MPSRNNMatrixIdSingleGateRecurrentWeights = 1,
  MPSRNNMatrixIdSingleGateBiasTerms = 2,
  MPSRNNMatrixIdLSTMInputGateInputWeights = 3,
  MPSRNNMatrixIdLSTMInputGateRecurrentWeights = 4,
  MPSRNNMatrixIdLSTMInputGateMemoryWeights = 5,
  MPSRNNMatrixIdLSTMInputGateBiasTerms = 6,
  MPSRNNMatrixIdLSTMForgetGateInputWeights = 7,
  MPSRNNMatrixIdLSTMForgetGateRecurrentWeights = 8,
  MPSRNNMatrixIdLSTMForgetGateMemoryWeights = 9,
  MPSRNNMatrixIdLSTMForgetGateBiasTerms = 10,
  MPSRNNMatrixIdLSTMMemoryGateInputWeights = 11,
  MPSRNNMatrixIdLSTMMemoryGateRecurrentWeights = 12,
  MPSRNNMatrixIdLSTMMemoryGateMemoryWeights = 13,
  MPSRNNMatrixIdLSTMMemoryGateBiasTerms = 14,
  MPSRNNMatrixIdLSTMOutputGateInputWeights = 15,
  MPSRNNMatrixIdLSTMOutputGateRecurrentWeights = 16,
  MPSRNNMatrixIdLSTMOutputGateMemoryWeights = 17,
  MPSRNNMatrixIdLSTMOutputGateBiasTerms = 18,
  MPSRNNMatrixIdGRUInputGateInputWeights = 19,
  MPSRNNMatrixIdGRUInputGateRecurrentWeights = 20,
  MPSRNNMatrixIdGRUInputGateBiasTerms = 21,
  MPSRNNMatrixIdGRURecurrentGateInputWeights = 22,
  MPSRNNMatrixIdGRURecurrentGateRecurrentWeights = 23,
  MPSRNNMatrixIdGRURecurrentGateBiasTerms = 24,
  MPSRNNMatrixIdGRUOutputGateInputWeights = 25,
  MPSRNNMatrixIdGRUOutputGateRecurrentWeights = 26,
  MPSRNNMatrixIdGRUOutputGateInputGateWeights = 27,
  MPSRNNMatrixIdGRUOutputGateBiasTerms = 28,
};

@interface MPSMatrixDescriptor : NSObject {
  NSUInteger _rows, _columns, _rowBytes;
  MPSDataType _dataType;
}
@property(nonatomic, readwrite) NSUInteger rows;
@property(nonatomic, readwrite) NSUInteger columns;
@property(nonatomic, readwrite) NSUInteger rowBytes;
@property(nonatomic, readwrite) MPSDataType dataType;
+ (instancetype)matrixDescriptorWithRows:(NSUInteger)rows
                                 columns:(NSUInteger)columns
                                rowBytes:(NSUInteger)rowBytes
                                dataType:(MPSDataType)dataType;
@end

@interface MPSMatrix : NSObject {
  id<MTLBuffer> _data;
  NSUInteger _offset, _rows, _columns, _rowBytes;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> data;
@property(nonatomic, readonly) NSUInteger offset;
@property(nonatomic, readonly) NSUInteger rows;
@property(nonatomic, readonly) NSUInteger columns;
@property(nonatomic, readonly) NSUInteger rowBytes;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer descriptor:(MPSMatrixDescriptor*)descriptor;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer
                        offset:(NSUInteger)offset
                    descriptor:(MPSMatrixDescriptor*)descriptor;
@end

@interface MPSMatrixBinaryKernel : MPSKernel
@end

@interface MPSMatrixVectorMultiplication : MPSMatrixBinaryKernel {
  NSUInteger _rows, _columns;
}
- (instancetype)initWithDevice:(id<MTLDevice>)device
                          rows:(NSUInteger)rows
                       columns:(NSUInteger)columns;
- (void)encodeToCommandBuffer:(id<MTLCommandBuffer>)buffer
                  inputMatrix:(MPSMatrix*)inputMatrix
                  inputVector:(MPSVector*)inputVector
                 resultVector:(MPSVector*)resultVector;
@end

@interface MPSImageCopyToMatrix : MPSKernel
- (instancetype)initWithDevice:(id<MTLDevice>)device dataLayout:(MPSDataLayout)dataLayout;
- (void)encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)buffer
                      sourceImages:(MPSImageBatch*)sourceImages
                 destinationMatrix:(MPSMatrix*)destinationMatrix;
@end

@interface MPSMatrixCopyToImage : MPSKernel
- (instancetype)initWithDevice:(id<MTLDevice>)device dataLayout:(MPSDataLayout)dataLayout;
- (void)encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)buffer
                      sourceMatrix:(MPSMatrix*)sourceMatrix
                 destinationImages:(MPSImageBatch*)destinationImages;
@end

@interface MPSRNNDescriptor : NSObject {
  NSUInteger _inputFeatureChannels, _outputFeatureChannels;
  BOOL _useFloat32Weights;
}
@property(nonatomic, readwrite) NSUInteger inputFeatureChannels;
@property(nonatomic, readwrite) NSUInteger outputFeatureChannels;
@property(nonatomic, readwrite) BOOL useFloat32Weights;
@end

@interface MPSRNNSingleGateDescriptor : MPSRNNDescriptor {
  id<MPSCNNConvolutionDataSource> _inputWeights, _recurrentWeights;
}
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource> inputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource> recurrentWeights;
+ (instancetype)createRNNSingleGateDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                                outputFeatureChannels:
                                                    (NSUInteger)outputFeatureChannels;
@end

@interface MPSGRUDescriptor : MPSRNNDescriptor {
  id<MPSCNNConvolutionDataSource> _inputGateInputWeights, _inputGateRecurrentWeights;
  id<MPSCNNConvolutionDataSource> _recurrentGateInputWeights, _recurrentGateRecurrentWeights;
  id<MPSCNNConvolutionDataSource> _outputGateInputWeights, _outputGateRecurrentWeights;
  id<MPSCNNConvolutionDataSource> _outputGateInputGateWeights;
  float _gatePnormValue;
  BOOL _flipOutputGates;
}
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    inputGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    inputGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    recurrentGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    recurrentGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateInputGateWeights;
@property(nonatomic, readwrite) float gatePnormValue;
@property(nonatomic, readwrite) BOOL flipOutputGates;
+ (instancetype)createGRUDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                      outputFeatureChannels:(NSUInteger)outputFeatureChannels;
@end

@interface MPSLSTMDescriptor : MPSRNNDescriptor {
  id<MPSCNNConvolutionDataSource> _inputGateInputWeights, _inputGateRecurrentWeights;
  id<MPSCNNConvolutionDataSource> _inputGateMemoryWeights, _forgetGateInputWeights;
  id<MPSCNNConvolutionDataSource> _forgetGateRecurrentWeights, _forgetGateMemoryWeights;
  id<MPSCNNConvolutionDataSource> _outputGateInputWeights, _outputGateRecurrentWeights;
  id<MPSCNNConvolutionDataSource> _outputGateMemoryWeights, _cellGateInputWeights;
  id<MPSCNNConvolutionDataSource> _cellGateRecurrentWeights, _cellGateMemoryWeights;
  BOOL _memoryWeightsAreDiagonal;
  MPSCNNNeuronType _cellToOutputNeuronType;
  float _cellToOutputNeuronParamA, _cellToOutputNeuronParamB, _cellToOutputNeuronParamC;
}
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    inputGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    inputGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    inputGateMemoryWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    forgetGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    forgetGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    forgetGateMemoryWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    outputGateMemoryWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    cellGateInputWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    cellGateRecurrentWeights;
@property(nonatomic, readwrite, retain, nullable) id<MPSCNNConvolutionDataSource>
    cellGateMemoryWeights;
@property(nonatomic, readwrite) BOOL memoryWeightsAreDiagonal;
@property(nonatomic, readwrite) MPSCNNNeuronType cellToOutputNeuronType;
@property(nonatomic, readwrite) float cellToOutputNeuronParamA;
@property(nonatomic, readwrite) float cellToOutputNeuronParamB;
@property(nonatomic, readwrite) float cellToOutputNeuronParamC;
+ (instancetype)createLSTMDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                       outputFeatureChannels:(NSUInteger)outputFeatureChannels;
@end

@interface MPSRNNMatrixTrainingState : MPSState
@end

@interface MPSRNNRecurrentMatrixState : MPSState
@end

@interface MPSRNNMatrixTrainingLayer : MPSKernel {
  std::shared_ptr<StandInRecurrent> _recurrent;
}
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 rnnDescriptor:(MPSRNNDescriptor*)rnnDescriptor
              trainableWeights:(NSMutableArray<MPSMatrix*>*)trainableWeights;
- (void)createWeightGradientMatrices:(NSMutableArray<MPSMatrix*>*)matrices
                            dataType:(MPSDataType)dataType;
- (void)encodeCopyWeightsToCommandBuffer:(id<MTLCommandBuffer>)buffer
                                 weights:(NSArray<MPSMatrix*>*)weights
                                matrixId:(MPSRNNMatrixId)matrixId
                                  matrix:(MPSMatrix*)matrix
                 copyFromWeightsToMatrix:(BOOL)copyFromWeightsToMatrix
                            matrixOffset:(MTLOrigin)matrixOffset;
- (void)
    encodeForwardSequenceToCommandBuffer:(id<MTLCommandBuffer>)buffer
                          sourceMatrices:(NSArray<MPSMatrix*>*)sourceMatrices
                           sourceOffsets:(nullable NSUInteger*)sourceOffsets
                     destinationMatrices:(NSArray<MPSMatrix*>*)destinationMatrices
                      destinationOffsets:(nullable NSUInteger*)destinationOffsets
                          trainingStates:(NSMutableArray<MPSRNNMatrixTrainingState*>*)trainingStates
                     recurrentInputState:(nullable MPSRNNRecurrentMatrixState*)recurrentInputState
                   recurrentOutputStates:
                       (nullable NSMutableArray<MPSRNNRecurrentMatrixState*>*)recurrentOutputStates
                                 weights:(NSArray<MPSMatrix*>*)weights;
- (void)
    encodeGradientSequenceToCommandBuffer:(id<MTLCommandBuffer>)buffer
                           forwardSources:(NSArray<MPSMatrix*>*)forwardSources
                     forwardSourceOffsets:(nullable NSUInteger*)forwardSourceOffsets
                          sourceGradients:(NSArray<MPSMatrix*>*)sourceGradients
                    sourceGradientOffsets:(nullable NSUInteger*)sourceGradientOffsets
                     destinationGradients:(nullable NSArray<MPSMatrix*>*)destinationGradients
                       destinationOffsets:(nullable NSUInteger*)destinationOffsets
                          weightGradients:(nullable NSArray<MPSMatrix*>*)weightGradients
                           trainingStates:(NSArray<MPSRNNMatrixTrainingState*>*)trainingStates
                      recurrentInputState:(nullable MPSRNNRecurrentMatrixState*)recurrentInputState
                    recurrentOutputStates:
                        (nullable NSMutableArray<MPSRNNRecurrentMatrixState*>*)recurrentOutputStates
                                  weights:(NSArray<MPSMatrix*>*)weights;
@end

NS_ASSUME_NONNULL_END
