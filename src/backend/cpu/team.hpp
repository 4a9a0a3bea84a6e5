#pragma once

#include <chrono>
#include <future>

#include "backend/queue.hpp"

namespace mpsnn::cpu {

/// The threads that OpenMP keeps for an engine's thread. Those of several engines may be more than
/// there are processors; libgomp then puts a thread that waits to sleep at once, and a run of many
/// short nodes takes several times as long. So where one engine runs for a while and others do not,
/// these give their threads back.
///
/// Threads that were asleep are woken before a run, and told apart: Linux may put one behind the
/// engine's on its processor, if the caller's was still on the other one, and leave both there for
/// some milliseconds, in which each waits for the other at every node.
class Team {
 public:
  /// Not of other compilers' runtimes, which give back the threads of all at once.
#if defined(__GNUC__) && !defined(__clang__)
  static constexpr bool matters = true;
#else
  static constexpr bool matters = false;
#endif

  /// Of `threads` threads, that of the queue included.
  Team(Queue& queue, int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Before a run, and after it, on the queue's thread.
  void begin();
  void end() { ended_ = std::chrono::steady_clock::now(); }

  /// Whether its processors seem to have no cache in common, so that a line takes long from one to
  /// the other: measured now and then, as a virtual machine's processors move. On the queue's
  /// thread.
  bool is_apart();

 private:
  struct Teams;
  static Teams& all();
  std::future<void> give_back();

  Queue& queue_;
  const int threads_;
  std::chrono::steady_clock::time_point ended_{};  ///< The last run.
  std::chrono::steady_clock::time_point measured_{};
  bool apart_ = false;
  bool kept_ = false;  ///< Guarded by the mutex of `all`.
};

}  // namespace mpsnn::cpu
