#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <string>
#include <thread>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;
using test::Data;
using test::kBatch;

namespace {

/// A trainer of the small net, and steps over the same data.
struct Fixture {
  explicit Fixture(const TrainerOptions& options) : trainer(test::trainer(net, options)) {}

  Step start(int i, int images = kBatch, std::function<void(Step)> done = {}) {
    const int first = i % 4 * kBatch;
    return trainer.train_step(images, {{net.x, data.image(first, images)}},
                              data.label(first, images), std::move(done));
  }
  /// The loss of every image of so many steps.
  std::vector<float> losses(int steps) {
    std::vector<Step> started;
    for (int i = 0; i < steps; ++i) started.push_back(start(i));
    std::vector<float> out;
    for (const Step& step : started) {
      out.insert(out.end(), step.loss().begin(), step.loss().end());
    }
    return out;
  }
  std::vector<float> infer(int images) {
    std::vector<float> out(static_cast<std::size_t>(images) * test::kClasses);
    trainer.infer(images, {{net.x, data.image(0, images)}},
                  std::array{HostSpan{out.data(), DType::float32, out.size()}});
    return out;
  }

  test::Net net = test::small_net();
  Data data{4 * kBatch};
  Trainer trainer;
};

TEST(the_loss_falls_on_every_backend) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    const std::vector<float> losses = f.losses(60);
    const auto mean = [&](auto first) { return std::accumulate(first, first + 4 * kBatch, 0.0f); };
    const float start = mean(losses.begin()), end = mean(losses.end() - 4 * kBatch);
    if (!(end < 0.4f * start))
      test::fail(__FILE__, __LINE__, str(backend->name(), ": loss ", start, " to ", end));
    CHECK_EQUAL(f.trainer.session()->step(), 60u);
  }
}

TEST(the_same_seed_gives_the_same_losses_and_another_seed_others) {
  for (const Backend* backend : backends()) {
    TrainerOptions options = test::options(backend->name());
    const std::vector<float> first = Fixture(options).losses(8);
    CHECK(Fixture(options).losses(8) == first);
    options.seed = 6;
    CHECK(Fixture(options).losses(8) != first);
  }
}

TEST(two_in_flight_equal_one_at_a_time_bit_for_bit) {
  for (const Backend* backend : backends()) {
    TrainerOptions options = test::options(backend->name());
    options.in_flight = 1;
    Fixture one(options);
    options.in_flight = 2;
    Fixture two(options);
    CHECK(one.losses(10) == two.losses(10));
    CHECK(one.infer(5) == two.infer(5));
  }
}

TEST(a_partial_batch_has_a_loss_per_real_image) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    CHECK_EQUAL(f.start(0, 3).loss().size(), 3u);
    CHECK_EQUAL(f.infer(kBatch + 3).size(), std::size_t{(kBatch + 3) * test::kClasses});
  }
}

TEST(a_loss_that_is_not_finite_fails_its_step_and_changes_no_weight) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    f.losses(2);
    const std::vector<float> before = f.infer(4);
    std::vector<float> weights(kBatch, 1.0f);
    weights[3] = std::numeric_limits<float>::infinity();
    LossLabels labels = f.data.label(0, kBatch);
    labels.weights = {weights.data(), DType::float32, weights.size()};
    const Step bad = f.trainer.train_step(kBatch, {{f.net.x, f.data.image(0, kBatch)}}, labels);
    CHECK_THROWS(NumericError, "image 3", bad.wait());
    CHECK(f.infer(4) == before);
    CHECK_EQUAL(f.start(0).loss().size(), std::size_t{kBatch});  // still usable
    f.data.images[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS(NumericError, "x: image 0", f.start(0));
  }
}

TEST(bad_input_is_refused_before_anything_runs) {
  Fixture f(test::options("reference"));
  const Inputs images = {{f.net.x, f.data.image(0, 4)}};
  const LossLabels labels = f.data.label(0, 4);
  CHECK_THROWS(ShapeError, "images", f.start(0, 0));
  CHECK_THROWS(ShapeError, "images", f.trainer.train_step(kBatch + 1, images, labels));
  CHECK_THROWS(ShapeError, "x", f.trainer.train_step(5, images, labels));
  CHECK_THROWS(ShapeError, "labels", f.trainer.train_step(4, images, {}));
  CHECK_THROWS(ShapeError, "x", f.trainer.train_step(4, {}, labels));
  f.data.classes[1] = test::kClasses;
  CHECK_THROWS(ShapeError, "image 1", f.start(0));
  f.data.classes[1] = 0;
  CHECK_EQUAL(f.trainer.session()->step(), 0u);
}

TEST(threads_that_wait_for_places_of_one_trainer_each_get_their_own_answer) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    std::vector<float> bad(f.data.images.begin(), f.data.images.begin() + kBatch * 36);
    bad[36] = std::numeric_limits<float>::quiet_NaN();
    const auto work = [&](int thread) {
      int refused = 0;
      for (int i = 0; i < 20; ++i) {
        if ((i + thread) % 3) {
          f.start(i);
          continue;
        }
        const HostArray images{bad.data(), DType::float32, bad.size()};
        try {
          f.trainer.train_step(kBatch, {{f.net.x, images}}, f.data.label(0, kBatch));
        } catch (const NumericError& e) {
          refused += std::string(e.what()).find("image 1") != std::string::npos;
        }
      }
      return refused;
    };
    auto one = std::async(std::launch::async, work, 0),
         two = std::async(std::launch::async, work, 1);
    const int refused = work(2) + one.get() + two.get();
    f.trainer.wait();
    CHECK_EQUAL(refused, 7 + 6 + 7);
    CHECK_EQUAL(f.trainer.session()->step(), std::uint64_t{60 - 20});
  }
}

TEST(two_trainers_in_two_threads_do_not_disturb_each_other) {
  for (const Backend* backend : backends()) {
    const auto run = [&] { return Fixture(test::options(backend->name())).losses(10); };
    const std::vector<float> expected = run();
    auto other = std::async(std::launch::async, run);
    CHECK(run() == expected);
    CHECK(other.get() == expected);
  }
}

TEST(callbacks_come_in_order_with_a_step_that_is_done) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    std::vector<int> order;
    bool all_done = true;
    for (int i = 0; i < 6; ++i) {
      f.start(i, kBatch, [&, i](const Step& step) {
        order.push_back(i);
        all_done = all_done && step.done();
      });
    }
    f.trainer.wait();
    CHECK(all_done);
    CHECK((order == std::vector<int>{0, 1, 2, 3, 4, 5}));
  }
}

TEST(a_callback_that_would_wait_for_itself_gets_an_error) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    std::string submit, close;
    f.start(0, kBatch, [&](const Step&) {
      submit = test::error_text<Error>([&] { f.start(1); }, "submit", __FILE__, __LINE__);
      close = test::error_text<Error>([&] { f.trainer.close(); }, "close", __FILE__, __LINE__);
    });
    f.trainer.wait();
    CHECK_CONTAINS(submit, "callback");
    CHECK_CONTAINS(close, "callback");
  }
}

TEST(a_closed_trainer_says_so) {
  for (const Backend* backend : backends()) {
    Fixture f(test::options(backend->name()));
    const Step step = f.start(0);
    f.trainer.close();
    f.trainer.close();
    CHECK(f.trainer.closed());
    CHECK_EQUAL(step.loss().size(), std::size_t{kBatch});
    CHECK_THROWS(Error, "closed", f.start(0));
    CHECK_THROWS(Error, "closed", f.infer(1));
    CHECK_THROWS(Error, "closed", f.trainer.wait());
  }
}

TEST(a_trainer_may_be_dropped_by_its_own_callback) {
  for (const Backend* backend : backends()) {
    auto f = std::make_shared<Fixture>(test::options(backend->name()));
    const std::weak_ptr<Fixture> watch = f;
    std::promise<void> returned, dropped;
    Fixture& borrowed = *f;
    // The engine holds the last reference while the step runs.
    borrowed.start(0, kBatch, [&, held = std::move(f)](const Step&) mutable {
      returned.get_future().wait();
      held.reset();
      dropped.set_value();
    });
    returned.set_value();
    dropped.get_future().wait();
    CHECK(watch.expired());
  }
}

TEST(the_arena_is_smaller_than_the_values_in_it) {
  for (const Backend* backend : backends()) {
    const MemoryReport report =
        Fixture(test::options(backend->name())).trainer.training_executable()->memory_report();
    CHECK(report.arena_bytes > 0);
    CHECK(report.arena_bytes < report.unshared_bytes);
    CHECK(report.state_bytes > 0);
  }
}

}  // namespace
