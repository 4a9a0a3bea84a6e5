#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace mpsnn::metal {

/// A run on its way through the device.
class Flight {
 public:
  virtual ~Flight() = default;
  /// Encodes the run and gives it to the device, which calls `land` when it is done.
  /// @throws what keeps it on the ground; then `land` is not called.
  virtual void start() = 0;
  /// What is wrong with its result; null if nothing is.
  virtual std::exception_ptr check() = 0;
  /// Puts the variables back to what they were before it started.
  virtual void undo() = 0;
  /// Hands out the results, or the failure.
  virtual void end(std::exception_ptr failure) = 0;

  /// On any thread: the device has finished, with this error or an empty string.
  void land(const std::string& error);
  bool landed() const;
  void wait() const;
  const std::string& error() const { return error_; }

 private:
  friend class Flights;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool landed_ = false;
  std::string error_;
};

/// The runs of a session on their way, first come first. A run starts before the ones ahead of it
/// have ended; when one of these fails it is undone, with all behind it, which then start again.
/// On the engine's thread.
class Flights {
 public:
  /// Starts it; a failure to start ends it in its turn.
  void start(const std::shared_ptr<Flight>& flight);
  /// Ends those at the head that have landed.
  void collect();
  /// Waits for all, and ends them.
  void settle();

 private:
  std::exception_ptr try_start(Flight& flight);
  void end_first();
  void start_again();

  std::deque<std::shared_ptr<Flight>> flying_;
};

}  // namespace mpsnn::metal
