#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

namespace mpsnn {

/// The places of the runs under way. A caller that finds none leaves what it wants done with one,
/// and whoever gives a place back does it: the caller sleeps until then, so that its thread does
/// not take a processor from the run that starts meanwhile.
class Slots {
 public:
  explicit Slots(int count) : free_(count) {}

  /// Takes a place if one is free.
  bool try_take();
  /// Returns when `use` has been called with a place taken, here or by `give_back`.
  /// @throws what `use` throws, the place given back.
  void wait(const std::function<void()>& use);
  void give_back();

 private:
  struct Waiter {
    const std::function<void()>& use;
    bool done = false;
    std::exception_ptr error = nullptr;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  std::deque<Waiter*> waiting_;
};

}  // namespace mpsnn
