#include "backend/cpu/team.hpp"

#include <omp.h>

#include <memory>
#include <mutex>
#include <utility>

#ifdef __linux__
#include <sched.h>
#endif

#include "backend/process.hpp"

namespace mpsnn::cpu {
namespace {

using Clock = std::chrono::steady_clock;

/// About what it takes until threads that were given back are there again.
constexpr std::chrono::milliseconds patience(10);

#ifdef __linux__
constexpr std::size_t most_processors = CPU_SETSIZE;
#else
constexpr std::size_t most_processors = 0;
#endif

/// From run to run: threads that wait for so long may be asleep.
constexpr std::chrono::microseconds short_rest(250);

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

Team::Team(Queue& queue, int threads)
    : queue_(queue), threads_(threads), claimed_(most_processors) {
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
  const Clock::time_point begun = std::exchange(begun_, Clock::now());
  if (begun_ - begun > short_rest) spread();
  std::vector<std::future<void>> given_back;
  {
    Teams& teams = all();
    const std::lock_guard lock(teams.mutex);
    kept_ = true;
    if (std::exchange(teams.last, this) != this) teams.since = begun_;
    if (begun_ - teams.since < patience) return;
    int threads = 0;
    for (const Team* team : teams.members) threads += team->kept_ ? team->threads_ : 0;
    for (Team* team : teams.members)
      if (team != this && team->kept_ && threads > omp_get_num_procs())
        if (auto done = team->give_back(); done.valid()) given_back.push_back(std::move(done));
  }
  for (const std::future<void>& done : given_back) done.wait();
}

#ifdef __linux__

void Team::spread() {
  if (threads_ > omp_get_num_procs()) return;
  claimed_[sched_getcpu() % claimed_.size()] = ++turn_;
  std::atomic<int> here = 1;
#pragma omp parallel
  if (omp_get_thread_num() > 0) {
    claim_processor(turn_);
    ++here;
  } else {
    while (here < omp_get_num_threads()) sched_yield();  // to one that waits for this processor
  }
}

/// Moves this thread to a processor that no other one has claimed, if it is on one that has been.
void Team::claim_processor(std::uint32_t turn) {
  if (claimed_[sched_getcpu() % claimed_.size()].exchange(turn) != turn) return;
  cpu_set_t allowed, others;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  others = allowed;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (claimed_[i] == turn) CPU_CLR(i, &others);
  if (sched_setaffinity(0, sizeof others, &others) != 0) return;  // there is none
  claimed_[sched_getcpu() % claimed_.size()] = turn;
  sched_setaffinity(0, sizeof allowed, &allowed);
}

#else

void Team::spread() {}

#endif

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
