#include <cmath>

#include "metal_double/graph.hpp"
#include "mpsnn/graph.hpp"

namespace metal_double {

void refuse(NSString* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  NSString* what = [[[NSString alloc] initWithFormat:format arguments:arguments] autorelease];
  va_end(arguments);
  [[NSException exceptionWithName:NSInternalInconsistencyException
                           reason:[@"MPS: " stringByAppendingString:what]
                         userInfo:nil] raise];
  __builtin_unreachable();
}

mpsnn::Shape as_image(const mpsnn::Shape& s) {
  switch (s.rank()) {
    case 0:
      return {1, 1, 1};
    case 1:
      return {1, 1, s[0]};
    case 2:
      return {1, s[0], s[1]};
    default:
      return s;
  }
}

mpsnn::Shape result_of(const mpsnn::Op& op, const std::vector<mpsnn::Shape>& sources,
                       const std::vector<Tensor>& parameters) {
  mpsnn::Graph g;
  std::vector<mpsnn::ValueId> inputs;
  for (const mpsnn::Shape& s : sources) inputs.push_back(g.add(mpsnn::Input{s}));
  for (const Tensor& t : parameters)
    inputs.push_back(t.values.empty() ? mpsnn::ValueId{}
                                      : g.add(mpsnn::Parameter{.shape = t.shape}));
  return as_image(g.desc(g.add(op, inputs)).shape);
}

mpsnn::Shape Filter::result(const std::vector<mpsnn::Shape>& sources) {
  return result_of(op(sources), sources, parameters);
}

std::vector<float> floats(const float* from, std::size_t count) {
  return from ? std::vector<float>(from, from + count) : std::vector<float>(count, 0.0f);
}

void round_to_half(std::vector<float>& values) {
  for (float& x : values) x = static_cast<float>(static_cast<_Float16>(x));
}

float* contents(id<MTLBuffer> buffer) { return static_cast<float*>([buffer contents]); }

}  // namespace metal_double

using metal_double::refuse;

@interface MPSNNImageNode (Producer)
- (void)setStandInProducer:(MPSNNFilterNode*)producer;
@end

@interface MPSNNGradientFilterNode (StandIn)
+ (MPSNNGradientFilterNode*)standInOf:(MPSNNFilterNode*)forward
                                index:(NSUInteger)index
                               source:(MPSNNImageNode*)source;
@end

@implementation MPSNNImageNode
@synthesize handle = _handle, format = _format, imageAllocator = _imageAllocator;
@synthesize exportFromGraph = _exportFromGraph, synchronizeResource = _synchronizeResource;
+ (instancetype)nodeWithHandle:(NSObject<MPSHandle>*)handle {
  MPSNNImageNode* node = [[[self alloc] init] autorelease];
  node.handle = handle;
  return node;
}
- (void)dealloc {
  [_handle release];
  [_imageAllocator release];
  [super dealloc];
}
- (MPSNNFilterNode*)standInProducer {
  if (_produced && _producer == nil) refuse(@"the node that makes an image is gone");
  return _producer;
}
- (void)setStandInProducer:(MPSNNFilterNode*)producer {
  _producer = producer;  // which owns this node, and takes its name away when it goes
  _produced = YES;
}
@end

@implementation MPSNNStateNode
@synthesize handle = _handle;
- (void)dealloc {
  [_handle release];
  [super dealloc];
}
@end
@implementation MPSNNLabelsNode
@end
@implementation MPSNNGradientStateNode
@end
@implementation MPSCNNConvolutionGradientStateNode
@end

@implementation MPSNNFilterNode
@synthesize resultImage = _resultImage, paddingPolicy = _paddingPolicy, label = _label;
- (instancetype)initWithStandInSources:(NSArray<MPSNNImageNode*>*)sources {
  if (!(self = [super init])) return nil;
  _sources = [sources copy];
  _resultImage = [[MPSNNImageNode nodeWithHandle:nil] retain];
  [_resultImage setStandInProducer:self];
  return self;
}
- (void)dealloc {
  [_resultImage setStandInProducer:nil];
  [_sources release];
  [_resultImage release];
  [_paddingPolicy release];
  [_label release];
  [super dealloc];
}
- (NSArray<MPSNNImageNode*>*)standInSources {
  return _sources;
}
- (std::shared_ptr<metal_double::Filter>)standInFilter:(id<MTLDevice>)device {
  refuse(@"%@ has no kernel", [self class]);
}
- (MPSNNFilterNode*)standInForward {
  return nil;
}
- (NSUInteger)standInIndex {
  return 0;
}
- (bool)standInIsLoss {
  return false;
}
- (MPSNNLabelsNode*)standInLabels {
  return nil;
}
- (mpsnn::Op)standInLossOf:(const mpsnn::Shape&)source {
  refuse(@"%@ is no loss", [self class]);
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  if ([gradientImages count] != 1) refuse(@"%@ has one result", [self class]);
  NSMutableArray* filters = [NSMutableArray array];
  for (NSUInteger i = 0; i < [_sources count]; ++i)
    [filters addObject:[MPSNNGradientFilterNode standInOf:self
                                                    index:i
                                                   source:[gradientImages objectAtIndex:0]]];
  return filters;
}
- (MPSNNGradientFilterNode*)gradientFilterWithSource:(MPSNNImageNode*)gradientImage {
  if ([_sources count] != 1) refuse(@"%@ has several gradients", [self class]);
  return
      [[self gradientFiltersWithSources:[NSArray arrayWithObject:gradientImage]] objectAtIndex:0];
}
@end

@implementation MPSNNGradientFilterNode
+ (MPSNNGradientFilterNode*)standInOf:(MPSNNFilterNode*)forward
                                index:(NSUInteger)index
                               source:(MPSNNImageNode*)source {
  MPSNNGradientFilterNode* node =
      [[[self alloc] initWithStandInSources:[NSArray arrayWithObject:source]] autorelease];
  node->_forward = [forward retain];
  node->_index = index;
  return node;
}
- (void)dealloc {
  [_forward release];
  [super dealloc];
}
- (MPSNNFilterNode*)standInForward {
  return _forward;
}
- (NSUInteger)standInIndex {
  return _index;
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  refuse(@"there are no gradients of gradients");
}
@end
