#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backend/device_memory.hpp"
#include "backend/process.hpp"

namespace mpsnn {

/// Blocks of host memory of one size, which come back when they are let go. Thread-safe; what was
/// taken may outlive it.
class Recycled : public std::enable_shared_from_this<Recycled> {
 public:
  /// Keeps `most` blocks that nobody uses.
  Recycled(std::size_t bytes, std::size_t most) : bytes_(bytes), most_(most) {
    free_.reserve(most);
  }

  /// @throws DeviceError if there is not enough memory.
  std::shared_ptr<void> take() {
    void* data = taken();
    if (!data) data = memory_->allocate(bytes_);
    return {data, [self = shared_from_this()](void* block) { self->give(block); }};
  }

  ~Recycled() {
    for (void* block : free_) memory_->release(block);
  }
  Recycled(const Recycled&) = delete;
  Recycled& operator=(const Recycled&) = delete;

 private:
  void* taken() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    void* block = free_.back();
    free_.pop_back();
    return block;
  }

  void give(void* block) {
    // In a forked child the lock may be held by a thread that is not there.
    if (process_ == process_id()) {
      const std::lock_guard lock(mutex_);
      if (free_.size() < most_) {
        free_.push_back(block);
        return;
      }
    }
    memory_->release(block);
  }

  const std::size_t bytes_, most_;
  const std::shared_ptr<DeviceMemory> memory_ = host_memory();
  const int process_ = process_id();
  std::mutex mutex_;
  std::vector<void*> free_;
};

}  // namespace mpsnn
