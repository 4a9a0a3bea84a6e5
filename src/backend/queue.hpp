#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace mpsnn {

/// A thread that runs jobs in the order they came: the engine's thread.
class Queue {
 public:
  /// `start` runs first, on the new thread.
  explicit Queue(std::function<void()> start = {});
  /// Runs what is queued, then stops.
  ~Queue();

  /// A job must not throw. @throws Error in a forked child, which has no such thread.
  void post(std::function<void()> job);
  /// The same if no job runs or waits; else returns false.
  bool post_if_idle(std::function<void()> job);
  /// Runs `job` in its turn and returns when it has ended; rethrows what it throws.
  /// On the engine's own thread, runs it at once.
  void run(const std::function<void()>& job);
  bool on_thread() const { return std::this_thread::get_id() == jobs_->thread.get_id(); }
  /// @throws Error in a forked child.
  void check_process() const;

 private:
  struct Jobs {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> waiting;
    bool stop = false, busy = false;
    std::atomic<bool> any = false;  ///< Whether some wait, or it shall stop.
    std::thread thread;
  };
  void loop();

  std::unique_ptr<Jobs> jobs_;
  const int process_;
};

}  // namespace mpsnn
