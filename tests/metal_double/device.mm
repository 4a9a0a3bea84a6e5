#import <Metal/Metal.h>

#include <atomic>
#include <cstdlib>
#include <limits>

#include "metal_double/command_buffer.hpp"
#include "metal_double/control.hpp"
#include "metal_double/graph.hpp"

namespace {

std::vector<metal_double::Gpu>& gpus() {
  static std::vector<metal_double::Gpu> all = {
      {.name = "Stand-in", .low_power = false, .unified_memory = true}};
  return all;
}

std::atomic<int> devices{0};
std::atomic<int> buffers{0}, buffers_made{0};

}  // namespace

@interface StandInBuffer : NSObject <MTLBuffer> {
  std::vector<float> _contents;
  NSUInteger _length;
}
@end

@interface StandInBuffer (Made)
- (instancetype)initWithLength:(NSUInteger)length;
@end

@implementation StandInBuffer
- (instancetype)initWithLength:(NSUInteger)length {
  if (!(self = [super init])) return nil;
  ++buffers;
  _length = length;
  // Nothing says what is in new memory.
  _contents.assign((length + 3) / 4, std::numeric_limits<float>::quiet_NaN());
  return self;
}
- (void)dealloc {
  --buffers;
  [super dealloc];
}
- (NSUInteger)length {
  return _length;
}
- (void*)contents {
  return _contents.data();
}
@end

@interface StandInDevice : NSObject <MTLDevice> {
  metal_double::Gpu _gpu;
  uint64_t _registryID;
}
- (instancetype)initWithGpu:(const metal_double::Gpu&)gpu registryID:(uint64_t)registryID;
@end

@implementation StandInDevice
- (instancetype)initWithGpu:(const metal_double::Gpu&)gpu registryID:(uint64_t)registryID {
  if (!(self = [super init])) return nil;
  ++devices;
  _gpu = gpu;
  _registryID = registryID;
  return self;
}
- (void)dealloc {
  --devices;
  [super dealloc];
}
- (id<MTLCommandQueue>)newCommandQueue {
  return [[StandInQueue alloc] init];
}
- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
  if (length == 0) return nil;
  ++buffers_made;
  return [[StandInBuffer alloc] initWithLength:length];
}
- (NSString*)name {
  return [NSString stringWithUTF8String:_gpu.name.c_str()];
}
- (unsigned long long)registryID {
  return _registryID;
}
- (BOOL)isLowPower {
  return _gpu.low_power;
}
- (BOOL)isHeadless {
  return _gpu.headless;
}
- (BOOL)isRemovable {
  return _gpu.removable;
}
- (BOOL)hasUnifiedMemory {
  return _gpu.unified_memory;
}
- (MTLDeviceLocation)location {
  return _gpu.removable ? MTLDeviceLocationExternal : MTLDeviceLocationBuiltIn;
}
- (unsigned long long)recommendedMaxWorkingSetSize {
  return _gpu.memory;
}
@end

namespace metal_double {

void set_gpus(std::vector<Gpu> all) { gpus() = std::move(all); }

int live_devices() { return devices; }
int live_buffers() { return buffers; }
int made_buffers() { return buffers_made; }

std::string arithmetic() {
  const char* uses = std::getenv("MPSNN_METAL_DOUBLE_USES");
  return uses ? uses : "reference";
}

}  // namespace metal_double

extern "C" NSArray<id<MTLDevice>>* MTLCopyAllDevices(void) {
  NSMutableArray<id<MTLDevice>>* all = [[NSMutableArray alloc] init];
  for (const metal_double::Gpu& gpu : gpus()) {
    StandInDevice* device = [[StandInDevice alloc] initWithGpu:gpu registryID:100 + [all count]];
    [all addObject:device];
    [device release];
  }
  return all;
}

extern "C" id<MTLDevice> MTLCreateSystemDefaultDevice(void) {
  if (gpus().empty()) return nil;
  return [[StandInDevice alloc] initWithGpu:gpus().front() registryID:100];
}

id<MTLBuffer> StandInBufferOf(id<MTLDevice> device, NSUInteger floats) {
  return [[[StandInBuffer alloc] initWithLength:floats * sizeof(float)] autorelease];
}
