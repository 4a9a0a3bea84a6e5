#include "backend/metal/recycled.hpp"

#include "mpsnn/errors.hpp"

@implementation MpsnnHandle
+ (MpsnnHandle*)handleOf:(int)value {
  MpsnnHandle* handle = [[[self alloc] init] autorelease];
  handle->_value = value;
  return handle;
}
- (int)value {
  return _value;
}
- (NSString*)label {
  return [NSString stringWithFormat:@"%d", _value];
}
+ (BOOL)supportsSecureCoding {
  return NO;
}
- (void)encodeWithCoder:(NSCoder*)coder {
}
- (id)initWithCoder:(NSCoder*)coder {
  [self release];
  return nil;
}
@end

@implementation MpsnnRecycledImages
- (instancetype)initWithSlots:(std::vector<std::unique_ptr<mpsnn::metal::ImageBatch>>)slots {
  if (!(self = [super init])) return nil;
  _slots = std::move(slots);
  return self;
}
- (void)useSlot:(int)slot images:(int)images {
  _slot = slot;
  _images = images;
  _used = false;
}
- (bool)wasUsed {
  return _used;
}
- (mpsnn::metal::ImageBatch&)batchOfSlot:(int)slot {
  return *_slots[slot];
}
- (MPSImage*)imageForCommandBuffer:(id<MTLCommandBuffer>)buffer
                   imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                            kernel:(MPSKernel*)kernel {
  return [[self imageBatchForCommandBuffer:buffer
                           imageDescriptor:imageDescriptor
                                    kernel:kernel
                                     count:1] objectAtIndex:0];
}
- (MPSImageBatch*)imageBatchForCommandBuffer:(id<MTLCommandBuffer>)buffer
                             imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                                      kernel:(MPSKernel*)kernel
                                       count:(NSUInteger)count {
  _used = true;
  if (count != static_cast<NSUInteger>(_images))
    throw mpsnn::DeviceError(
        mpsnn::str("metal: the graph asks for ", count, " images of a batch of ", _images));
  _slots[_slot]->check(imageDescriptor);
  const auto batch = _slots[_slot]->first(_images);
  return [[batch.get() retain] autorelease];
}
+ (BOOL)supportsSecureCoding {
  return NO;
}
- (void)encodeWithCoder:(NSCoder*)coder {
}
- (id)initWithCoder:(NSCoder*)coder {
  [self release];
  return nil;
}
@end
