#pragma once

#include <chrono>
#include <thread>

namespace mpsnn {

/// How long a thread looks for what it waits for before it sleeps. In a virtual machine it takes up
/// to 50 us to wake a thread whose processor has nothing to do, longer than a small network.
inline constexpr std::chrono::microseconds looking_time(50);

/// Returns whether it came meanwhile. Threads that are ready to run go first.
template <class F>
bool look_for(const F& has_come, std::chrono::nanoseconds most = looking_time) {
  const auto end = std::chrono::steady_clock::now() + most;
  while (!has_come()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace mpsnn
