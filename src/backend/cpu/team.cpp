#include "backend/cpu/team.hpp"

#include <omp.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

#include "backend/process.hpp"

namespace mpsnn::cpu {
namespace {

using Clock = std::chrono::steady_clock;

/// About what it takes until threads that were given back are there again.
constexpr std::chrono::milliseconds patience(10);

/// Between runs: threads that wait for so long may be asleep.
constexpr std::chrono::microseconds short_rest(250);

/// How long `is_apart` holds.
constexpr std::chrono::milliseconds outlook(100);

/// There and back. On Zen 4 it takes 80 ns by a cache in common, and 340 without.
constexpr std::chrono::nanoseconds long_way(200);

/// A line of the cache that two threads hand to each other.
class alignas(64) Line {
 public:
  /// Waits for a turn. Returns false if one of both waited too long: the other may not be running.
  bool await(int turn) {
    for (int looks = 0; looks < patience_; ++looks) {
      const int now = turn_;
      if (now == turn) return true;
      if (now == given_up_) return false;
    }
    turn_ = given_up_;
    return false;
  }
  void pass_on(int turn) { turn_ = turn + 1; }

 private:
  static constexpr int patience_ = 10'000, given_up_ = -1;
  std::atomic<int> turn_ = 0;
};

/// What a line takes to the last thread of a team and back: at best, as one of both may be
/// interrupted. Nothing, if it was not seen to come back.
std::optional<Clock::duration> round_trip() {
  constexpr int rounds = 8, attempts = 4;
  Line line;
  std::optional<Clock::duration> best;
#pragma omp parallel
  {
    const int last = omp_get_num_threads() - 1, me = omp_get_thread_num();
    Clock::time_point begin{};
#pragma omp barrier  // all are awake
    for (int i = 0; last > 0 && (me == 0 || me == last) && i <= rounds * attempts; ++i) {
      const int turn = 2 * i + (me > 0);
      if (!line.await(turn)) break;
      if (me == 0 && i % rounds == 0) {
        const Clock::time_point now = Clock::now();
        if (i > 0 && (!best || (now - begin) / rounds < *best)) best = (now - begin) / rounds;
        begin = now;
      }
      line.pass_on(turn);
    }
  }
  return best;
}

#ifdef __linux__

/// The processors that threads of a team are on.
class Claims {
 public:
  /// Moves this thread to a processor that no other one has claimed, if it is on one that has been.
  void claim() {
    if (!here().exchange(true)) return;
    cpu_set_t allowed, others;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    others = allowed;
    for (std::size_t i = 0; i < taken_.size(); ++i)
      if (taken_[i]) CPU_CLR(i, &others);
    if (sched_setaffinity(0, sizeof others, &others) != 0) return;  // there is none
    here() = true;
    sched_setaffinity(0, sizeof allowed, &allowed);
  }

 private:
  std::atomic<bool>& here() { return taken_[sched_getcpu() % taken_.size()]; }

  std::array<std::atomic<bool>, CPU_SETSIZE> taken_{};
};

/// Wakes this thread's team, and puts each of its threads on a processor of its own.
void spread(int threads) {
  if (threads > omp_get_num_procs()) return;
  Claims claims;
  claims.claim();
  std::atomic<int> awake = 1;
#pragma omp parallel
  if (omp_get_thread_num() > 0) {
    claims.claim();
    ++awake;
  } else {
    while (awake < omp_get_num_threads()) sched_yield();  // to one that waits for this processor
  }
}

#else

void spread(int) {}

#endif

}  // namespace

struct Team::Teams {
  const int process = process_id();
  std::mutex mutex;
  std::vector<Team*> members;
  const Team* last = nullptr;  ///< That ran, and since when no other has.
  Clock::time_point since{};
};

/// Of this process: a forked child has none of the threads, and maybe a locked mutex.
Team::Teams& Team::all() {
  static std::atomic<Teams*> current = nullptr;
  Teams* teams = current;
  while (!teams || teams->process != process_id()) {
    auto own = std::make_unique<Teams>();
    if (current.compare_exchange_strong(teams, own.get())) return *own.release();
  }
  return *teams;
}

Team::Team(Queue& queue, int threads) : queue_(queue), threads_(threads) {
  Teams& teams = all();
  const std::lock_guard lock(teams.mutex);
  teams.members.push_back(this);
}

Team::~Team() {
  Teams& teams = all();
  const std::lock_guard lock(teams.mutex);
  std::erase(teams.members, this);
  if (teams.last == this) teams.last = nullptr;
}

void Team::begin() {
  const Clock::time_point now = Clock::now();
  if (now - ended_ > short_rest) spread(threads_);
  std::vector<std::future<void>> given_back;
  {
    Teams& teams = all();
    const std::lock_guard lock(teams.mutex);
    kept_ = true;
    if (std::exchange(teams.last, this) != this) teams.since = now;
    if (now - teams.since < patience) return;
    int threads = 0;
    for (const Team* team : teams.members) threads += team->kept_ ? team->threads_ : 0;
    for (Team* team : teams.members)
      if (team != this && team->kept_ && threads > omp_get_num_procs())
        if (auto done = team->give_back(); done.valid()) given_back.push_back(std::move(done));
  }
  for (const std::future<void>& done : given_back) done.wait();
}

bool Team::is_apart() {
  const Clock::time_point now = Clock::now();
  // Threads that share a processor would wait for each other.
  if (now - measured_ < outlook || threads_ > omp_get_num_procs()) return apart_;
  measured_ = now;
  if (const auto trip = round_trip()) apart_ = *trip > long_way;
  return apart_;
}

/// Its engine does nothing else meanwhile, so that this ends soon; invalid if it is at work.
std::future<void> Team::give_back() {
  auto done = std::make_shared<std::promise<void>>();
  const bool idle = queue_.post_if_idle([done] {
    omp_pause_resource_all(omp_pause_soft);
    done->set_value();
  });
  if (!idle) return {};
  kept_ = false;
  return done->get_future();
}

}  // namespace mpsnn::cpu
