#pragma once

#import <Metal/Metal.h>

#include <functional>
#include <semaphore>
#include <string>

#include "backend/metal/owned.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// The order in which a device runs what is given to it. At most so many command buffers are on
/// their way at once; the next one waits for its turn.
class Stream {
 public:
  static constexpr int kMaxInFlight = 64;

  explicit Stream(id<MTLDevice> device, int in_flight = 2);
  /// Waits for everything.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Lets `encode` fill a command buffer and commits it. `done` is called on a thread of Metal's
  /// when it has run, with what went wrong, or an empty string.
  /// @throws what `encode` throws; `done` is not called then.
  void submit(const std::function<void(id<MTLCommandBuffer>)>& encode,
              std::function<void(const std::string& error)> done);
  /// Returns when all that was submitted has run, and its `done` has returned.
  void wait();
  /// Whether the last `submit` threw when a part of its run had been committed. It has run.
  bool torn() const { return torn_; }

 private:
  const int in_flight_;
  Owned<id<MTLCommandQueue>> queue_;
  std::counting_semaphore<kMaxInFlight> free_;
  bool torn_ = false;
};

}  // namespace mpsnn::metal
