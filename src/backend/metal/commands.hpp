#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "backend/metal/owned.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// The command buffers of one run, as MPS commits them, and what becomes of them.
class Parts : public std::enable_shared_from_this<Parts> {
 public:
  /// `done` is called on a thread of Metal's when all have run, with what went wrong first.
  explicit Parts(std::function<void(const std::string& error)> done) : done_(std::move(done)) {}

  /// Before `buffer` is committed.
  void watch(id<MTLCommandBuffer> buffer, bool last);
  /// Nobody is told of them any more. Returns how many were committed, when these have run.
  int abandon();

 private:
  void landed(const std::string& error);

  std::mutex mutex_;
  std::condition_variable changed_;
  int committed_ = 0, running_ = 0;
  bool whole_ = false;
  std::string error_;
  std::function<void(const std::string&)> done_;
};

}  // namespace mpsnn::metal

/// One run. MPS may commit what is encoded so far and go on with another command buffer, and each
/// is watched.
@interface MpsnnCommands : MPSCommandBuffer {
  std::shared_ptr<mpsnn::metal::Parts> _parts;
}
- (instancetype)initWithQueue:(id<MTLCommandQueue>)queue
                        parts:(std::shared_ptr<mpsnn::metal::Parts>)parts;
@end
