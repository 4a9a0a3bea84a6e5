#include "metal_double/windowed.hpp"

#include "ops/window.hpp"

namespace metal_double {

using mpsnn::Dim;
using mpsnn::Shape;

mpsnn::Size2 window_of(MPSCNNKernel* k) {
  return {static_cast<int>(k.kernelHeight), static_cast<int>(k.kernelWidth)};
}
mpsnn::Size2 stride_of(MPSCNNKernel* k) {
  return {static_cast<int>(k.strideInPixelsY), static_cast<int>(k.strideInPixelsX)};
}
mpsnn::Size2 dilation_of(MPSCNNKernel* k) {
  return {static_cast<int>(k.dilationRateY), static_cast<int>(k.dilationRateX)};
}

Windowed::Windowed(MPSNNFilterNode* node, MPSCNNKernel* kernel)
    : node_(node), kernel_([kernel retain]) {}

Windowed::~Windowed() { [kernel_ release]; }

Shape Windowed::result(const std::vector<Shape>& sources) {
  const id<MPSNNPadding> policy = node_.paddingPolicy;
  if (policy == nil || !([policy paddingMethod] & MPSNNPaddingMethodCustom))
    refuse(@"%@: the stand-in has custom padding policies alone", [node_ class]);
  MPSImageDescriptor* guess = [MPSImageDescriptor
      imageDescriptorWithChannelFormat:MPSImageFeatureChannelFormatFloat32
                                 width:static_cast<NSUInteger>(sources[0][1])
                                height:static_cast<NSUInteger>(sources[0][0])
                       featureChannels:static_cast<NSUInteger>(channels(sources[0][2]))];
  // What the last run left behind is not to be relied upon.
  kernel_.offset = MPSOffset{77, 77, 77};
  MPSImageDescriptor* said = [policy destinationImageDescriptorForSourceImages:[NSArray array]
                                                                  sourceStates:nil
                                                                     forKernel:kernel_
                                                           suggestedDescriptor:guess];
  height_ = static_cast<Dim>(said.height);
  width_ = static_cast<Dim>(said.width);
  return {height_, width_, static_cast<Dim>(said.featureChannels)};
}

mpsnn::Padding Windowed::padding(const Shape& source) const {
  const auto axis = [](Dim in, Dim out, NSUInteger kernel, NSUInteger stride, NSUInteger dilation,
                       NSInteger offset) {
    const Dim window = extent(kernel, dilation);
    const Dim before = window / 2 - offset;
    const Dim after = (out - 1) * static_cast<Dim>(stride) + window - in - before;
    if (before < 0)
      refuse(@"the stand-in has no window of %d that starts at %d", (int)window, (int)-before);
    return std::pair(static_cast<int>(before), static_cast<int>(std::max<Dim>(after, 0)));
  };
  const auto h = axis(source[0], height_, kernel_.kernelHeight, kernel_.strideInPixelsY,
                      kernel_.dilationRateY, kernel_.offset.y);
  const auto w = axis(source[1], width_, kernel_.kernelWidth, kernel_.strideInPixelsX,
                      kernel_.dilationRateX, kernel_.offset.x);
  // The reference takes more padding from this mode than from fixed numbers.
  const mpsnn::Window2 same(source, window_of(kernel_), stride_of(kernel_), dilation_of(kernel_),
                            {});
  if (same.h.out == height_ && same.w.out == width_ && same.h.before == h.first &&
      same.w.before == w.first)
    return {};
  return {mpsnn::Padding::Mode::fixed, h.first, h.second, w.first, w.second};
}

}  // namespace metal_double

@implementation MPSKernel
@synthesize device = _device, label = _label;
- (instancetype)initWithDevice:(id<MTLDevice>)device {
  if (!(self = [super init])) return nil;
  _device = [device retain];
  return self;
}
- (void)dealloc {
  [_device release];
  [_label release];
  [super dealloc];
}
@end

@implementation MPSCNNKernel
@synthesize offset = _offset, edgeMode = _edgeMode;
@synthesize kernelWidth = _kernelWidth, kernelHeight = _kernelHeight;
@synthesize strideInPixelsX = _strideInPixelsX, strideInPixelsY = _strideInPixelsY;
@synthesize dilationRateX = _dilationRateX, dilationRateY = _dilationRateY;
- (instancetype)initWithDevice:(id<MTLDevice>)device {
  if (!(self = [super initWithDevice:device])) return nil;
  _kernelWidth = _kernelHeight = _strideInPixelsX = _strideInPixelsY = 1;
  _dilationRateX = _dilationRateY = 1;
  return self;
}
- (void)setStandInWindow:(NSUInteger)height
                   width:(NSUInteger)width
                 strideY:(NSUInteger)strideY
                 strideX:(NSUInteger)strideX
               dilationY:(NSUInteger)dilationY
               dilationX:(NSUInteger)dilationX {
  _kernelHeight = height;
  _kernelWidth = width;
  _strideInPixelsY = strideY;
  _strideInPixelsX = strideX;
  _dilationRateY = dilationY;
  _dilationRateX = dilationX;
}
@end

@implementation MPSCNNConvolutionTranspose
@synthesize kernelOffsetX = _kernelOffsetX, kernelOffsetY = _kernelOffsetY;
@end
