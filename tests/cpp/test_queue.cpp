#include <atomic>
#include <numeric>
#include <vector>

#include "backend/queue.hpp"
#include "backend/run_state.hpp"
#include "backend/waiting.hpp"
#include "cpp/check.hpp"

using namespace mpsnn;

namespace {

/// Rests in which a thread that waits still looks, is about to sleep, and sleeps.
constexpr std::chrono::microseconds rests[] = {std::chrono::microseconds(0), looking_time / 2,
                                               looking_time, 2 * looking_time, 10 * looking_time};

TEST(jobs_run_in_order_however_long_the_queue_rested) {
  for (const auto rest : rests) {
    std::vector<int> order;
    {
      Queue queue;
      for (int i = 0; i < 200; ++i) {
        queue.post([&order, i] { order.push_back(i); });
        if (i % 3 == 0) std::this_thread::sleep_for(rest);
        if (i % 5 == 0) queue.run([] {});
      }
    }  // which runs what is left
    std::vector<int> expected(200);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
  }
}

TEST(a_queue_may_end_while_it_looks_for_jobs_and_when_it_sleeps) {
  for (const auto rest : rests) {
    std::atomic<int> ran = 0;
    for (int i = 0; i < 50; ++i) {
      Queue queue;
      queue.run([&] { ++ran; });
      std::this_thread::sleep_for(rest);
    }
    CHECK_EQUAL(ran.load(), 50);
  }
}

TEST(a_run_is_waited_for_whether_it_was_expected_to_be_brief_or_not) {
  Queue queue;
  for (const bool is_brief : {true, false})
    for (const auto rest : rests) {
      int result = 0;
      const auto state = std::make_shared<Run::State>();
      state->is_brief = is_brief;
      queue.post([&, state] {
        std::this_thread::sleep_for(rest);
        result = 7;
        state->finish(nullptr, true);
      });
      const Run run(state);
      run.wait();
      CHECK_EQUAL(result, 7);
      CHECK(run.done() && run.skipped());
    }
}

TEST(what_does_not_come_is_not_looked_for_any_longer) {
  CHECK(!look_for([] { return false; }));
  int looks = 0;
  // Not 50 us, for which this thread may be held up between two looks.
  CHECK(look_for([&] { return ++looks == 3; }, std::chrono::hours(1)));
  CHECK_EQUAL(looks, 3);
}

}  // namespace
