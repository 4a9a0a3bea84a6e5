#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mpsnn {

/// A timeline of what threads did, as chrome://tracing and Perfetto show it. Thread-safe. Each
/// event takes a lock and memory, so that it should last microseconds at least.
class Trace {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  /// Keeps the first `most` events and counts the others. Time starts at 0 now.
  explicit Trace(std::size_t most = 1'000'000) : most_(most) {}

  /// What the calling thread did from `begin` to `end`. `row` is what the thread does in the
  /// timeline ("loader", "engine"); a number of at least 0 is written behind `name`.
  void add(std::string_view row, std::string_view name, std::int64_t number, Time begin,
           Time end) noexcept;
  std::size_t size() const;     ///< Events kept.
  std::size_t dropped() const;  ///< Those not kept, for want of room.
  /// All of it in the Trace Event Format (Duffy, Google, 2016), as a JSON object: complete events,
  /// in microseconds.
  std::string json() const;

 private:
  struct Event {
    int row;
    std::string name;
    std::int64_t number;
    Time begin, end;
  };

  mutable std::mutex mutex_;
  const Time start_ = Clock::now();
  const std::size_t most_;
  std::size_t dropped_ = 0;
  std::map<std::pair<std::string, std::thread::id>, int> rows_;
  std::vector<Event> events_;
};

/// Adds an event for the time of its life, if there is a trace; else it costs a branch.
class TraceScope {
 public:
  TraceScope(Trace* trace, std::string_view row, std::string_view name, std::int64_t number = -1)
      : trace_(trace), row_(row), name_(name), number_(number) {
    if (trace_) begin_ = Trace::Clock::now();
  }
  ~TraceScope() {
    if (trace_) trace_->add(row_, name_, number_, begin_, Trace::Clock::now());
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  Trace* const trace_;
  const std::string_view row_, name_;
  const std::int64_t number_;
  Trace::Time begin_;
};

}  // namespace mpsnn
