#include "backend/metal/sources.hpp"

using mpsnn::metal::Adder;
using mpsnn::metal::adopt;
using mpsnn::metal::drop_read;
using mpsnn::metal::keep;
using mpsnn::metal::Parameters;
using mpsnn::metal::Region;

namespace {

Region all_of(id<MTLBuffer> buffer, NSUInteger elements) { return {keep(buffer), 0, elements}; }

NSString* text(const std::string& s) { return [NSString stringWithUTF8String:s.c_str()]; }

}  // namespace

@implementation MpsnnBatchNormSource
- (instancetype)initWithParameters:(std::shared_ptr<Parameters>)parameters epsilon:(float)epsilon {
  if (!(self = [super init])) return nil;
  _parameters = std::move(parameters);
  _epsilon = epsilon;
  const auto buffer = [&](int i) { return _parameters->tensors[i].master.buffer.get(); };
  _state = adopt([[MPSCNNNormalizationGammaAndBetaState alloc] initWithGamma:buffer(0)
                                                                        beta:buffer(1)]);
  _statistics = adopt([[MPSCNNNormalizationMeanAndVarianceState alloc] initWithMean:buffer(2)
                                                                           variance:buffer(3)]);
  return self;
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
- (NSUInteger)numberOfFeatureChannels {
  return _parameters->tensors[0].master.elements;
}
- (float*)gamma {
  return _parameters->tensors[0].master.data();
}
- (float*)beta {
  return _parameters->tensors[1].master.data();
}
- (float*)mean {
  return _parameters->tensors[2].master.data();
}
- (float*)variance {
  return _parameters->tensors[3].master.data();
}
- (float)epsilon {
  return _epsilon;
}
- (NSString*)label {
  return text(_parameters->label);
}
- (BOOL)load {
  return YES;
}
- (void)purge {
}
- (MPSCNNNormalizationMeanAndVarianceState*)
    updateMeanAndVarianceWithCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
                   batchNormalizationState:(MPSCNNBatchNormalizationState*)batchNormalizationState {
  const NSUInteger channels = [self numberOfFeatureChannels];
  const double n =
      static_cast<double>(_parameters->unbiased_pixels) * _parameters->current.run.images;
  if (auto& running = _parameters->running_mean)
    running->encode(commandBuffer, all_of(batchNormalizationState.mean, channels).vector().get(),
                    1);
  if (auto& running = _parameters->running_variance)
    running->encode(commandBuffer,
                    all_of(batchNormalizationState.variance, channels).vector().get(),
                    static_cast<float>(n > 1 ? n / (n - 1) : 1));
  drop_read(batchNormalizationState);
  return _parameters->running_mean || _parameters->running_variance ? _statistics.get() : nil;
}
- (MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
                batchNormalizationState:(MPSCNNBatchNormalizationState*)batchNormalizationState {
  const NSUInteger channels = [self numberOfFeatureChannels];
  const Region gradients[] = {all_of(batchNormalizationState.gradientForGamma, channels),
                              all_of(batchNormalizationState.gradientForBeta, channels),
                              {},
                              {}};
  const bool changes = _parameters->take(commandBuffer, gradients);
  drop_read(batchNormalizationState);
  return changes ? _state.get() : nil;
}
@end

@implementation MpsnnGroupNormSource
@synthesize numberOfGroups = _groups;
- (instancetype)initWithParameters:(std::shared_ptr<Parameters>)parameters
                          channels:(NSUInteger)channels
                            groups:(NSUInteger)groups
                           epsilon:(float)epsilon {
  if (!(self = [super init])) return nil;
  _parameters = std::move(parameters);
  _channels = channels;
  _groups = groups;
  _epsilon = epsilon;
  mpsnn::metal::Gpu& gpu = _parameters->gpu;
  _adder.emplace_back(gpu.device);
  for (int i = 0; i < 2; ++i) _sums.push_back(new_region(gpu.device, channels));
  // What has no parameter keeps its constant, in memory of its own.
  for (int i = 0; i < 2; ++i) {
    Region& master = _parameters->tensors[i].master;
    if (master.buffer) continue;
    master = new_region(gpu.device, channels);
    std::fill_n(master.data(), channels, i == 0 ? 1.0f : 0.0f);
  }
  _state = adopt([[MPSCNNNormalizationGammaAndBetaState alloc]
      initWithGamma:_parameters->tensors[0].master.buffer
               beta:_parameters->tensors[1].master.buffer]);
  return self;
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
- (NSUInteger)numberOfFeatureChannels {
  return _channels;
}
- (float*)gamma {
  return _parameters->tensors[0].master.data();
}
- (float*)beta {
  return _parameters->tensors[1].master.data();
}
- (float)epsilon {
  return _epsilon;
}
- (NSString*)label {
  return text(_parameters->label);
}
- (BOOL)load {
  return YES;
}
- (void)purge {
}
/// The gradient of the batch is the sum of those of its images: one step of the optimizer, where
/// one step per image would be another rule.
- (void)clearSums:(id<MTLCommandBuffer>)buffer {
  id<MTLBlitCommandEncoder> blit = [buffer blitCommandEncoder];
  for (const Region& sum : _sums)
    [blit fillBuffer:sum.buffer range:NSMakeRange(sum.offset, sum.bytes()) value:0];
  [blit endEncoding];
}
- (void)add:(id<MTLBuffer>)gradient toSum:(int)i on:(id<MTLCommandBuffer>)buffer {
  _adder[0].encode(buffer, all_of(gradient, _channels).vector().get(), _sums[i].vector().get());
}
- (MPSCNNNormalizationGammaAndBetaState*)takeSums:(id<MTLCommandBuffer>)buffer {
  return _parameters->take(buffer, _sums) ? _state.get() : nil;
}
- (MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
        instanceNormalizationStateBatch:
            (MPSCNNInstanceNormalizationGradientStateBatch*)instanceNormalizationStateBatch {
  [self clearSums:commandBuffer];
  for (MPSCNNInstanceNormalizationGradientState* state in instanceNormalizationStateBatch) {
    [self add:state.gradientForGamma toSum:0 on:commandBuffer];
    [self add:state.gradientForBeta toSum:1 on:commandBuffer];
    drop_read(state);
  }
  return [self takeSums:commandBuffer];
}
- (MPSCNNNormalizationGammaAndBetaState*)
    updateGammaAndBetaWithCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
           groupNormalizationStateBatch:
               (MPSCNNGroupNormalizationGradientStateBatch*)groupNormalizationStateBatch {
  [self clearSums:commandBuffer];
  for (MPSCNNGroupNormalizationGradientState* state in groupNormalizationStateBatch) {
    [self add:state.gradientForGamma toSum:0 on:commandBuffer];
    [self add:state.gradientForBeta toSum:1 on:commandBuffer];
    drop_read(state);
  }
  return [self takeSums:commandBuffer];
}
@end
