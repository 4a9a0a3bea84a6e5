#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <atomic>
#include <limits>

#include "metal_double/command_buffer.hpp"
#include "metal_double/control.hpp"
#include "metal_double/graph.hpp"

namespace {

std::atomic<int> images{0}, images_made{0};

constexpr NSUInteger kSlice = 4;  // channels of one texture slice

/// What is called is not there, or not so.
void refuse(NSString* what) {
  [NSException raise:NSInvalidArgumentException format:@"MPSImage: %@", what];
}

}  // namespace

@implementation MPSImageDescriptor
@synthesize width = _width, height = _height, featureChannels = _featureChannels;
@synthesize numberOfImages = _numberOfImages, channelFormat = _channelFormat;
+ (instancetype)imageDescriptorWithChannelFormat:(MPSImageFeatureChannelFormat)channelFormat
                                           width:(NSUInteger)width
                                          height:(NSUInteger)height
                                 featureChannels:(NSUInteger)featureChannels {
  MPSImageDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor.channelFormat = channelFormat;
  descriptor.width = width;
  descriptor.height = height;
  descriptor.featureChannels = featureChannels;
  descriptor.numberOfImages = 1;
  return descriptor;
}
- (id)copyWithZone:(NSZone*)zone {
  MPSImageDescriptor* copy = [[[self class] allocWithZone:zone] init];
  copy.channelFormat = _channelFormat;
  copy.width = _width;
  copy.height = _height;
  copy.featureChannels = _featureChannels;
  copy.numberOfImages = _numberOfImages;
  return copy;
}
@end

@interface StandInAllocator : NSObject <MPSImageAllocator>
@end

@implementation MPSImage
@synthesize device = _device, width = _width, height = _height;
@synthesize featureChannels = _featureChannels, featureChannelFormat = _featureChannelFormat;
- (instancetype)initWithDevice:(id<MTLDevice>)device
               imageDescriptor:(MPSImageDescriptor*)imageDescriptor {
  if (!(self = [super init])) return nil;
  ++images;
  ++images_made;
  MPSImageDescriptor* descriptor = const_cast<MPSImageDescriptor*>(imageDescriptor);
  if (device == nil) refuse(@"has no device");
  if (descriptor.channelFormat != MPSImageFeatureChannelFormatFloat16 &&
      descriptor.channelFormat != MPSImageFeatureChannelFormatFloat32)
    refuse(@"the stand-in has float16 and float32 alone");
  if (descriptor.width * descriptor.height * descriptor.featureChannels == 0) refuse(@"is empty");
  _device = [device retain];
  _width = descriptor.width;
  _height = descriptor.height;
  _featureChannels = descriptor.featureChannels;
  _featureChannelFormat = descriptor.channelFormat;
  const NSUInteger slices = (_featureChannels + kSlice - 1) / kSlice;
  // Nothing says what is in a new texture, nor in the channels that fill its last slice.
  _texture.assign(slices * _height * _width * kSlice, std::numeric_limits<float>::quiet_NaN());
  return self;
}
- (void)dealloc {
  --images;
  [_device release];
  [super dealloc];
}
/// Calls f(place in the texture, place in the caller's dense bytes) for every element.
- (void)eachWithLayout:(MPSDataLayout)layout call:(void (^)(float&, NSUInteger))f {
  for (NSUInteger y = 0; y < _height; ++y)
    for (NSUInteger x = 0; x < _width; ++x)
      for (NSUInteger c = 0; c < _featureChannels; ++c) {
        const NSUInteger slice = c / kSlice, pixel = (slice * _height + y) * _width + x;
        const NSUInteger hwc = (y * _width + x) * _featureChannels + c;
        const NSUInteger chw = (c * _height + y) * _width + x;
        f(_texture[pixel * kSlice + c % kSlice],
          layout == MPSDataLayoutHeightxWidthxFeatureChannels ? hwc : chw);
      }
}
+ (id<MPSImageAllocator>)defaultAllocator {
  return [[[StandInAllocator alloc] init] autorelease];
}
- (metal_double::Tensor)standInValues {
  metal_double::Tensor out{{static_cast<mpsnn::Dim>(_height), static_cast<mpsnn::Dim>(_width),
                            static_cast<mpsnn::Dim>(_featureChannels)},
                           1,
                           {}};
  out.values.resize(_height * _width * _featureChannels);
  float* to = out.values.data();
  [self eachWithLayout:MPSDataLayoutHeightxWidthxFeatureChannels
                  call:^(float& texel, NSUInteger at) {
                    to[at] = texel;
                  }];
  return out;
}
- (void)setStandInValues:(const std::vector<float>&)values {
  const float* from = values.data();
  const bool half = _featureChannelFormat == MPSImageFeatureChannelFormatFloat16;
  [self eachWithLayout:MPSDataLayoutHeightxWidthxFeatureChannels
                  call:^(float& texel, NSUInteger at) {
                    texel = half ? static_cast<float>(static_cast<_Float16>(from[at])) : from[at];
                  }];
  _unsynchronized = false;
}
- (void)standInWrittenByGpu {
  _unsynchronized = ![_device hasUnifiedMemory];
}
- (void)synchronizeOnCommandBuffer:(id<MTLCommandBuffer>)commandBuffer {
  [(id<StandInEncoding>)commandBuffer keep:self];
  [(id<StandInEncoding>)commandBuffer encode:[self] { _unsynchronized = false; }];
}
- (void)readBytes:(void*)dataBytes
       dataLayout:(MPSDataLayout)dataLayout
       imageIndex:(NSUInteger)imageIndex {
  if (imageIndex != 0) refuse(@"there is one image, of index 0");
  if (_unsynchronized) refuse(@"is read by the host before it is synchronized");
  const bool half = _featureChannelFormat == MPSImageFeatureChannelFormatFloat16;
  [self eachWithLayout:dataLayout
                  call:^(float& texel, NSUInteger at) {
                    if (half)
                      static_cast<_Float16*>(dataBytes)[at] = static_cast<_Float16>(texel);
                    else
                      static_cast<float*>(dataBytes)[at] = texel;
                  }];
}
- (void)writeBytes:(const void*)dataBytes
        dataLayout:(MPSDataLayout)dataLayout
        imageIndex:(NSUInteger)imageIndex {
  if (imageIndex != 0) refuse(@"there is one image, of index 0");
  const bool half = _featureChannelFormat == MPSImageFeatureChannelFormatFloat16;
  [self eachWithLayout:dataLayout
                  call:^(float& texel, NSUInteger at) {
                    texel = half ? static_cast<float>(static_cast<const _Float16*>(dataBytes)[at])
                                 : static_cast<const float*>(dataBytes)[at];
                  }];
}
@end

namespace metal_double {

int live_images() { return images; }
int made_images() { return images_made; }

}  // namespace metal_double

@implementation StandInAllocator
- (MPSImage*)imageForCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
                   imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                            kernel:(MPSKernel*)kernel {
  return [[[MPSImage alloc] initWithDevice:kernel.device
                           imageDescriptor:imageDescriptor] autorelease];
}
- (MPSImageBatch*)imageBatchForCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
                             imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                                      kernel:(MPSKernel*)kernel
                                       count:(NSUInteger)count {
  NSMutableArray* batch = [NSMutableArray array];
  for (NSUInteger i = 0; i < count; ++i)
    [batch addObject:[self imageForCommandBuffer:commandBuffer
                                 imageDescriptor:imageDescriptor
                                          kernel:kernel]];
  return batch;
}
+ (BOOL)supportsSecureCoding {
  return YES;
}
- (void)encodeWithCoder:(NSCoder*)coder {
}
- (id)initWithCoder:(NSCoder*)coder {
  return [self init];
}
@end
