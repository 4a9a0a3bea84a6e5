#include "backend/metal/devices.hpp"

#import <Metal/Metal.h>

#include <algorithm>

#include "backend/metal/guard.hpp"
#include "backend/metal/owned.hpp"

namespace mpsnn::metal {
namespace {

Device::Kind kind_of(id<MTLDevice> device) {
  if ([device isRemovable] || [device location] == MTLDeviceLocationExternal)
    return Device::Kind::external;
  return [device hasUnifiedMemory] || [device isLowPower] ? Device::Kind::integrated
                                                          : Device::Kind::discrete;
}

Device describe(id<MTLDevice> device) {
  return {.backend = "metal",
          .name = [[device name] UTF8String],
          .kind = kind_of(device),
          .low_power = static_cast<bool>([device isLowPower]),
          .headless = static_cast<bool>([device isHeadless]),
          .id = [device registryID],
          .memory_bytes = [device recommendedMaxWorkingSetSize]};
}

/// Smaller is better.
auto rank(const Device& d) {
  return std::tuple(d.kind == Device::Kind::integrated, d.low_power, !d.headless, d.name, d.id);
}

}  // namespace

std::vector<Device> list_devices() {
  std::vector<Device> out;
  guarded([&] {
    const auto all = adopt(MTLCopyAllDevices());
    for (id<MTLDevice> device in all.get()) out.push_back(describe(device));
  });
  std::ranges::sort(out, {}, rank);
  return out;
}

}  // namespace mpsnn::metal
