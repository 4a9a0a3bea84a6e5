#pragma once

#include <cstddef>
#include <memory>

namespace mpsnn {

class DeviceMemory;

/// Memory of a device, released with its owner.
struct DeviceDeleter {
  DeviceMemory* memory = nullptr;
  void operator()(void* data) const;
};
using DeviceBuffer = std::unique_ptr<void, DeviceDeleter>;

/// Allocation and copies, so that nothing above it takes device memory for the host's.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  /// Zero-filled, aligned to at least 64 bytes.
  /// @throws DeviceError naming the bytes if there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* data) = 0;
  virtual void upload(void* device, const void* host, std::size_t bytes) = 0;
  virtual void download(void* host, const void* device, std::size_t bytes) = 0;
  /// Whether the device reads host memory itself, so that batches need no upload.
  virtual bool is_host() const = 0;

  DeviceBuffer buffer(std::size_t bytes) {
    return DeviceBuffer(allocate(bytes), DeviceDeleter{this});
  }
};

inline void DeviceDeleter::operator()(void* data) const { memory->release(data); }

std::shared_ptr<DeviceMemory> host_memory();

}  // namespace mpsnn
