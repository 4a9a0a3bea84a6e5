#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>

#include "backend/process.hpp"
#include "backend/waiting.hpp"
#include "mpsnn/backend.hpp"

namespace mpsnn {

/// Shared by the caller's Run and the engine's thread.
struct Run::State {
  /// Wakes who waits when the mutex is free again: they may run at once, on this processor.
  void finish(std::exception_ptr failure, bool was_skipped = false) {
    {
      const std::lock_guard lock(mutex);
      error = std::move(failure);
      skipped = was_skipped;
      done = true;
    }
    ended.notify_all();
  }
  /// @throws what the run failed with; Error in a forked child, if it was under way at the fork.
  void wait() {
    if (!done) check_process(process);
    if (is_brief) look_for([&] { return done.load(); });
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return done.load(); });
    if (error) std::rethrow_exception(error);
  }
  bool is_done() const { return done; }

  const int process = process_id();
  std::mutex mutex;
  std::condition_variable ended;
  std::atomic<bool> done = false;
  bool skipped = false;
  /// Whether it should end soon. For long the waiter would keep a processor from those who run it.
  bool is_brief = false;
  std::exception_ptr error;
};

}  // namespace mpsnn
