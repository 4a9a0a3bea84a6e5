#include "backend/metal/host_values.hpp"
#include "backend/metal/sources.hpp"
#include "mpsnn/errors.hpp"

using mpsnn::metal::adopt;
using mpsnn::metal::drop_read;
using mpsnn::metal::keep;
using mpsnn::metal::Parameters;
using mpsnn::metal::Region;

namespace {

Region all_of(id<MTLBuffer> buffer, NSUInteger elements) {
  return {buffer == nil ? mpsnn::metal::Owned<id<MTLBuffer>>() : keep(buffer), 0, elements};
}

}  // namespace

@implementation MpsnnConvolutionSource
- (instancetype)initWithParameters:(std::shared_ptr<Parameters>)parameters
                        descriptor:(MPSCNNConvolutionDescriptor*)descriptor
                              half:(bool)half {
  if (!(self = [super init])) return nil;
  _parameters = std::move(parameters);
  _descriptor = keep(descriptor);
  _half = half;
  const Region& weight = _parameters->tensors[0].master;
  const Region bias = _parameters->tensors.size() > 1 ? _parameters->tensors[1].master : Region{};
  _state = adopt([[MPSCNNConvolutionWeightsAndBiasesState alloc] initWithWeights:weight.buffer
                                                                   weightsOffset:weight.offset
                                                                          biases:bias.buffer
                                                                    biasesOffset:bias.offset
                                                        cnnConvolutionDescriptor:_descriptor]);
  return self;
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
- (MPSDataType)dataType {
  return MPSDataTypeFloat32;
}
- (MPSDataType)kernelWeightsDataType {
  return _half ? MPSDataTypeFloat16 : MPSDataTypeFloat32;
}
- (MPSCNNConvolutionDescriptor*)descriptor {
  return _descriptor;
}
- (NSString*)label {
  return [NSString stringWithUTF8String:_parameters->label.c_str()];
}
// The masters stay in memory that the device shares: there is nothing to load, or to let go of.
- (BOOL)load {
  return YES;
}
- (void)purge {
}
- (void*)weights {
  return _parameters->tensors[0].master.data();
}
- (float*)biasTerms {
  return _parameters->tensors.size() > 1 ? _parameters->tensors[1].master.data() : nullptr;
}
- (MPSCNNConvolutionWeightsAndBiasesState*)
    updateWithCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
              gradientState:(MPSCNNConvolutionGradientState*)gradientState
                sourceState:(MPSCNNConvolutionWeightsAndBiasesState*)sourceState {
  std::vector<Region> gradients = {
      all_of(gradientState.gradientForWeights, _parameters->tensors[0].master.elements)};
  if (_parameters->tensors.size() > 1)
    gradients.push_back(
        all_of(gradientState.gradientForBiases, _parameters->tensors[1].master.elements));
  const bool changes = _parameters->take(commandBuffer, gradients);
  // Both are this method's to give up; the source state, which may be rounded, is not read.
  drop_read(gradientState);
  drop_read(sourceState);
  return changes ? _state.get() : nil;
}
@end

@implementation MpsnnTransposeSource
- (void*)weights {
  const Region& master = _parameters->tensors[0].master;
  MPSCNNConvolutionDescriptor* d = _descriptor;
  const bool depthwise = [d isKindOfClass:[MPSCNNDepthWiseConvolutionDescriptor class]];
  const auto inner = depthwise ? 1 : d.inputFeatureChannels / d.groups;
  _turned.assign(master.data(), master.data() + master.elements);
  mpsnn::metal::turn_taps(_turned.data(), static_cast<mpsnn::Dim>(master.elements),
                          static_cast<mpsnn::Dim>(d.kernelWidth * d.kernelHeight),
                          static_cast<mpsnn::Dim>(inner));
  return _turned.data();
}
- (void)purge {
  std::vector<float>().swap(_turned);
}
@end
