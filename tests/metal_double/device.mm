#import <Metal/Metal.h>

#include <atomic>

#include "metal_double/command_buffer.hpp"
#include "metal_double/control.hpp"

namespace {

std::vector<metal_double::Gpu>& gpus() {
  static std::vector<metal_double::Gpu> all = {
      {.name = "Stand-in", .low_power = false, .unified_memory = true}};
  return all;
}

std::atomic<int> devices{0};

}  // namespace

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
