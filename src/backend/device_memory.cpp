#include "backend/device_memory.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

#include "mpsnn/errors.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace mpsnn {
namespace {

constexpr std::size_t large = std::size_t{64} << 20;
constexpr std::size_t cache_line = 64, huge_page = std::size_t{2} << 20;

/// Asks for pages of 2 MiB: products that walk over large weights miss the translations of
/// small ones at almost every row. Without them it only is slower.
void prefer_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
}

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
    // One line more than asked for: kernels may prefetch it.
    const std::size_t alignment = bytes >= huge_page ? huge_page : cache_line;
    const std::size_t size = (bytes / alignment + 1) * alignment;
    // Linux lends memory that it does not have and kills the process later.
    if (size > large && size > available())
      throw DeviceError(str("not enough memory: ", bytes, " bytes needed, ", available(), " free"));
    void* data = std::aligned_alloc(alignment, size);
    if (!data) throw DeviceError(str("not enough memory for ", bytes, " bytes"));
    if (alignment == huge_page) prefer_huge_pages(data, bytes);
    std::memset(data, 0, bytes);
    return data;
  }
  void release(void* data) override { std::free(data); }
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
