#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <memory>
#include <vector>

#include "backend/metal/image_batch.hpp"

/// For .mm files alone.

/// Names a value of a graph in MPS.
@interface MpsnnHandle : NSObject <MPSHandle> {
  int _value;
}
+ (MpsnnHandle*)handleOf:(int)value;
- (int)value;
@end

/// Gives a graph the images of a slot for one of its results, so that no step makes any.
@interface MpsnnRecycledImages : NSObject <MPSImageAllocator> {
  std::vector<std::unique_ptr<mpsnn::metal::ImageBatch>> _slots;
  int _slot, _images;
  bool _used;
}
- (instancetype)initWithSlots:(std::vector<std::unique_ptr<mpsnn::metal::ImageBatch>>)slots;
/// For the run that is encoded next.
- (void)useSlot:(int)slot images:(int)images;
/// Whether the graph took them since.
- (bool)wasUsed;
- (mpsnn::metal::ImageBatch&)batchOfSlot:(int)slot;
@end
