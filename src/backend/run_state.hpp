#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>

#include "mpsnn/backend.hpp"

namespace mpsnn {

/// Shared by the caller's Run and the engine's thread.
struct Run::State {
  void finish(std::exception_ptr failure, bool was_skipped = false) {
    const std::lock_guard lock(mutex);
    error = std::move(failure);
    skipped = was_skipped;
    done = true;
    ended.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return done; });
    if (error) std::rethrow_exception(error);
  }
  bool is_done() {
    const std::lock_guard lock(mutex);
    return done;
  }

  std::mutex mutex;
  std::condition_variable ended;
  bool done = false, skipped = false;
  std::exception_ptr error;
};

}  // namespace mpsnn
