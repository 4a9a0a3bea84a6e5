#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <memory>

#include "backend/metal/parameters.hpp"

/// The objects through which MPS asks for weights and hands out gradients. For .mm files alone.

@interface MpsnnConvolutionSource : NSObject <MPSCNNConvolutionDataSource> {
  std::shared_ptr<mpsnn::metal::Parameters> _parameters;
  mpsnn::metal::Owned<MPSCNNConvolutionDescriptor*> _descriptor;
  mpsnn::metal::Owned<MPSCNNConvolutionWeightsAndBiasesState*> _state;
  bool _half;
}
/// `parameters` have weight and perhaps bias. `half`: as the half accumulator needs them.
- (instancetype)initWithParameters:(std::shared_ptr<mpsnn::metal::Parameters>)parameters
                        descriptor:(MPSCNNConvolutionDescriptor*)descriptor
                              half:(bool)half;
@end

/// Lends the weights with their taps the other way round, as MPS's transposed convolution wants
/// them, which no optimizer of the device's then changes.
@interface MpsnnTransposeSource : MpsnnConvolutionSource {
  std::vector<float> _turned;
}
@end

@interface MpsnnBatchNormSource : NSObject <MPSCNNBatchNormalizationDataSource> {
  std::shared_ptr<mpsnn::metal::Parameters> _parameters;
  mpsnn::metal::Owned<MPSCNNNormalizationGammaAndBetaState*> _state;
  mpsnn::metal::Owned<MPSCNNNormalizationMeanAndVarianceState*> _statistics;
  float _epsilon;
}
/// `parameters` have gamma, beta, running mean and running variance.
- (instancetype)initWithParameters:(std::shared_ptr<mpsnn::metal::Parameters>)parameters
                           epsilon:(float)epsilon;
@end

/// Of group normalization, of which instance normalization is a kind.
@interface MpsnnGroupNormSource
    : NSObject <MPSCNNInstanceNormalizationDataSource, MPSCNNGroupNormalizationDataSource> {
  std::shared_ptr<mpsnn::metal::Parameters> _parameters;
  mpsnn::metal::Owned<MPSCNNNormalizationGammaAndBetaState*> _state;
  std::vector<mpsnn::metal::Region> _sums;
  std::vector<mpsnn::metal::Adder> _adder;
  NSUInteger _channels, _groups;
  float _epsilon;
}
@property(nonatomic, readwrite) NSUInteger numberOfGroups;
/// `parameters` have gamma and beta, either of which may have no buffer: 1, and 0.
- (instancetype)initWithParameters:(std::shared_ptr<mpsnn::metal::Parameters>)parameters
                          channels:(NSUInteger)channels
                            groups:(NSUInteger)groups
                           epsilon:(float)epsilon;
@end
