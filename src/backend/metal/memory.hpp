#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <map>
#include <mutex>

#include "backend/device_memory.hpp"
#include "backend/metal/owned.hpp"
#include "mpsnn/shape.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// float32 values in a buffer of the device.
struct Region {
  Owned<id<MTLBuffer>> buffer;
  NSUInteger offset = 0;  ///< In bytes.
  NSUInteger elements = 0;

  float* data() const {
    return reinterpret_cast<float*>(static_cast<std::byte*>([buffer.get() contents]) + offset);
  }
  NSUInteger bytes() const { return elements * sizeof(float); }
  Owned<MPSVector*> vector() const;
};

/// New memory for so many values.
Region new_region(id<MTLDevice> device, NSUInteger elements);

/// Copies one region into another of the same size, on the device.
void copy(id<MTLBlitCommandEncoder> blit, const Region& from, const Region& to);

/// Memory that the device and the host share. Whoever copies sees to it that the device has
/// finished.
class SharedMemory final : public DeviceMemory {
 public:
  explicit SharedMemory(Owned<id<MTLDevice>> device) : device_(std::move(device)) {}

  void* allocate(std::size_t bytes) override;
  void release(void* data) override;
  void upload(void* device, const void* host, std::size_t bytes) override;
  void download(void* host, const void* device, std::size_t bytes) override;
  bool is_host() const override { return true; }

  /// What `allocate` gave, or a part of it.
  Region region(const void* data, Dim elements) const;

 private:
  const Owned<id<MTLDevice>> device_;
  mutable std::mutex mutex_;
  std::map<const std::byte*, Owned<id<MTLBuffer>>> buffers_;
};

}  // namespace mpsnn::metal
