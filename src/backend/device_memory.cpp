#include "backend/device_memory.hpp"

#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include "mpsnn/errors.hpp"

namespace mpsnn {
namespace {

constexpr std::size_t large = std::size_t{64} << 20;

/// Bytes that can be allocated without swapping; the most there is if unknown.
std::size_t available() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  for (std::size_t kib = 0; info >> key >> kib; info.ignore(64, '\n')) {
    if (key == "MemAvailable:") return kib * 1024;
  }
  return std::numeric_limits<std::size_t>::max();
}

class HostMemory final : public DeviceMemory {
 public:
  void* allocate(std::size_t bytes) override {
    // Whole pages for large buffers, so that kernels may use huge ones.
    const std::size_t size = (bytes + 63) / 64 * 64 + 64;
    // Linux lends memory that it does not have and kills the process later.
    if (size > large && size > available())
      throw DeviceError(str("not enough memory: ", bytes, " bytes needed, ", available(), " free"));
    void* data = ::operator new(size, std::align_val_t(64), std::nothrow);
    if (!data) throw DeviceError(str("not enough memory for ", bytes, " bytes"));
    std::memset(data, 0, size);
    return data;
  }
  void release(void* data) override { ::operator delete(data, std::align_val_t(64)); }
  void upload(void* device, const void* host, std::size_t bytes) override {
    if (bytes) std::memcpy(device, host, bytes);
  }
  void download(void* host, const void* device, std::size_t bytes) override {
    if (bytes) std::memcpy(host, device, bytes);
  }
  bool is_host() const override { return true; }
};

}  // namespace

std::shared_ptr<DeviceMemory> host_memory() { return std::make_shared<HostMemory>(); }

}  // namespace mpsnn
