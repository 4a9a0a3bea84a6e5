#include <atomic>

#include "metal_double/control.hpp"
#include "metal_double/graph.hpp"

using metal_double::refuse;

namespace {
std::atomic<int> states{0};
}

namespace metal_double {
int live_states() { return states; }
}  // namespace metal_double

@implementation MPSState
- (instancetype)init {
  if (!(self = [super init])) return nil;
  ++states;
  return self;
}
- (instancetype)initStandInTemporary {
  if (!(self = [self init])) return nil;
  _temporary = YES;
  _readCount = 1;
  return self;
}
- (void)dealloc {
  --states;
  [super dealloc];
}
- (BOOL)isTemporary {
  return _temporary;
}
- (NSUInteger)readCount {
  return _readCount;
}
- (void)setReadCount:(NSUInteger)readCount {
  if (!_temporary) refuse(@"the read count of %@, which is not temporary, is set", [self class]);
  if (_readCount == 0) refuse(@"%@ is read after its read count reached 0", [self class]);
  _readCount = readCount;
}
- (void)standInCheckReadOut:(NSString*)by {
  if (_readCount != 0)
    refuse(@"%@ left %@ with a read count of %d", by, [self class], (int)_readCount);
}
- (void)synchronizeOnCommandBuffer:(id<MTLCommandBuffer>)commandBuffer {
}
@end

@implementation MPSVectorDescriptor
@synthesize length = _length, dataType = _dataType;
+ (instancetype)vectorDescriptorWithLength:(NSUInteger)length dataType:(MPSDataType)dataType {
  MPSVectorDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor->_length = length;
  descriptor->_dataType = dataType;
  return descriptor;
}
@end

@implementation MPSVector
@synthesize data = _data, offset = _offset, length = _length, dataType = _dataType;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer descriptor:(MPSVectorDescriptor*)descriptor {
  return [self initWithBuffer:buffer offset:0 descriptor:descriptor];
}
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer
                        offset:(NSUInteger)offset
                    descriptor:(MPSVectorDescriptor*)descriptor {
  if (!(self = [super init])) return nil;
  if (descriptor.dataType != MPSDataTypeFloat32) refuse(@"MPSVector: the stand-in has float32");
  if ([buffer length] < offset + descriptor.length * sizeof(float))
    refuse(@"MPSVector: %d elements at %d bytes do not fit a buffer of %d bytes",
           (int)descriptor.length, (int)offset, (int)[buffer length]);
  _data = [buffer retain];
  _offset = offset;
  _length = descriptor.length;
  _dataType = descriptor.dataType;
  return self;
}
- (void)dealloc {
  [_data release];
  [super dealloc];
}
@end

@implementation MPSNNGradientState
@end

@implementation MPSCNNConvolutionGradientState
@synthesize gradientForWeights = _gradientForWeights, gradientForBiases = _gradientForBiases;
- (instancetype)initStandInOf:(id<MTLDevice>)device
                      weights:(NSUInteger)weights
                       biases:(NSUInteger)biases {
  if (!(self = [self initStandInTemporary])) return nil;
  _gradientForWeights = [StandInBufferOf(device, weights) retain];
  _gradientForBiases = [StandInBufferOf(device, biases) retain];
  return self;
}
- (void)dealloc {
  [_gradientForWeights release];
  [_gradientForBiases release];
  [super dealloc];
}
@end

@implementation MPSCNNConvolutionWeightsAndBiasesState
@synthesize weights = _weights, biases = _biases;
@synthesize weightsOffset = _weightsOffset, biasesOffset = _biasesOffset;
- (instancetype)initWithWeights:(id<MTLBuffer>)weights biases:(id<MTLBuffer>)biases {
  if (!(self = [self init])) return nil;
  _weights = [weights retain];
  _biases = [biases retain];
  return self;
}
- (instancetype)initWithWeights:(id<MTLBuffer>)weights
                  weightsOffset:(NSUInteger)weightsOffset
                         biases:(id<MTLBuffer>)biases
                   biasesOffset:(NSUInteger)biasesOffset
       cnnConvolutionDescriptor:(MPSCNNConvolutionDescriptor*)cnnConvolutionDescriptor {
  if (!(self = [self initWithWeights:weights biases:biases])) return nil;
  _weightsOffset = weightsOffset;
  _biasesOffset = biasesOffset;
  return self;
}
- (void)dealloc {
  [_weights release];
  [_biases release];
  [super dealloc];
}
@end

@implementation MPSCNNNormalizationGammaAndBetaState
@synthesize gamma = _gamma, beta = _beta;
- (instancetype)initWithGamma:(id<MTLBuffer>)gamma beta:(id<MTLBuffer>)beta {
  if (!(self = [self init])) return nil;
  _gamma = [gamma retain];
  _beta = [beta retain];
  return self;
}
- (void)dealloc {
  [_gamma release];
  [_beta release];
  [super dealloc];
}
@end

@implementation MPSCNNNormalizationMeanAndVarianceState
@synthesize mean = _mean, variance = _variance;
- (instancetype)initWithMean:(id<MTLBuffer>)mean variance:(id<MTLBuffer>)variance {
  if (!(self = [self init])) return nil;
  _mean = [mean retain];
  _variance = [variance retain];
  return self;
}
- (void)dealloc {
  [_mean release];
  [_variance release];
  [super dealloc];
}
@end

@implementation MPSCNNLossDescriptor
@synthesize lossType = _lossType, reductionType = _reductionType, weight = _weight;
@synthesize labelSmoothing = _labelSmoothing, epsilon = _epsilon, delta = _delta;
@synthesize numberOfClasses = _numberOfClasses;
+ (MPSCNNLossDescriptor*)cnnLossDescriptorWithType:(MPSCNNLossType)lossType
                                     reductionType:(MPSCNNReductionType)reductionType {
  MPSCNNLossDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor.lossType = lossType;
  descriptor.reductionType = reductionType;
  descriptor.weight = 1;
  descriptor.epsilon = 1e-7f;
  descriptor.delta = 1;
  descriptor.numberOfClasses = 1;
  return descriptor;
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
@end

@implementation MPSCNNLossLabels
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 lossImageSize:(MTLSize)lossImageSize
                   labelsImage:(MPSImage*)labelsImage
                  weightsImage:(MPSImage*)weightsImage {
  if (!(self = [self init])) return nil;
  MPSImageDescriptor* descriptor =
      [MPSImageDescriptor imageDescriptorWithChannelFormat:MPSImageFeatureChannelFormatFloat32
                                                     width:lossImageSize.width
                                                    height:lossImageSize.height
                                           featureChannels:lossImageSize.depth];
  _lossImage = [[MPSImage alloc] initWithDevice:device imageDescriptor:descriptor];
  _labelsImage = [labelsImage retain];
  _weightsImage = [weightsImage retain];
  return self;
}
- (void)dealloc {
  [_lossImage release];
  [_labelsImage release];
  [_weightsImage release];
  [super dealloc];
}
- (MPSImage*)lossImage {
  return _lossImage;
}
- (MPSImage*)labelsImage {
  return _labelsImage;
}
- (MPSImage*)weightsImage {
  return _weightsImage;
}
- (void)synchronizeOnCommandBuffer:(id<MTLCommandBuffer>)commandBuffer {
  [_lossImage synchronizeOnCommandBuffer:commandBuffer];
}
@end
