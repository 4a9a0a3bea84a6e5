#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;

namespace {

/// Writes what is asked of it into a log that several sources share.
class Logged final : public test::RandomSource {
 public:
  Logged(std::string name, std::string& log) : RandomSource(1), name_(std::move(name)), log_(log) {}

  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override {
    log_ += "load " + name_ + ":";
    for (const SourceTensor& t : tensors) log_ += " " + t.name;
    log_ += "; ";
    return RandomSource::load(tensors);
  }
  void purge() override {
    log_ += "purge " + name_ + "; ";
    RandomSource::purge();
  }

 private:
  std::string name_;
  std::string& log_;
};

/// Two dense layers whose weights come from `first` and `second`.
test::Net two_layers(std::shared_ptr<DataSource> first, std::shared_ptr<DataSource> second) {
  test::Net net;
  Graph& g = net.graph;
  net.x = g.add(Input{{test::kSide, test::kSide, 1}});
  net.labels = g.add(Labels{{test::kClasses}});
  const ValueId weight = test::parameter(g, {5, 36}, "a.weight", first);
  const ValueId bias = test::parameter(g, {5}, "a.bias", first);
  ValueId y = g.add(Dense{}, {net.x, weight, bias});
  y = g.add(Dense{}, {y, test::parameter(g, {3, 5}, "b.weight", second)});
  net.loss = g.add(Loss{}, {y, net.labels, g.producer(net.labels).outputs[1]});
  net.probabilities = g.add(Softmax{}, {y});
  return net;
}

TEST(sources_are_asked_one_at_a_time_and_purged_at_once) {
  for (const Backend* backend : backends()) {
    std::string log;
    const auto net =
        two_layers(std::make_shared<Logged>("a", log), std::make_shared<Logged>("b", log));
    Trainer trainer = test::trainer(net, test::options(backend->name()));
    CHECK_EQUAL(log, "load a: weight bias; purge a; load b: weight; purge b; ");
    const test::Data data(4);
    trainer.train_step(4, {{net.x, data.image(0, 4)}}, data.label(0, 4)).wait();
    CHECK_EQUAL(log, "load a: weight bias; purge a; load b: weight; purge b; ");
  }
}

TEST(an_array_source_lends_what_it_was_given_and_names_what_it_lacks) {
  ArraySource source({{"weight", {1, 2, 3, 4}}, {"bias", {5}}});
  const std::vector<SourceTensor> asked = {{"bias", {1}}, {"weight", {2, 2}}};
  const auto lent = source.load(asked);
  CHECK_EQUAL(lent[0][0], 5.0f);
  CHECK_EQUAL(lent[1][3], 4.0f);
  CHECK_THROWS(ShapeError, "source: 'bias' must be (3,), got 1 values",
               source.load(std::array{SourceTensor{"bias", {3}}}));
  CHECK_THROWS(ShapeError, "source: has nothing for 'gamma'",
               source.load(std::array{SourceTensor{"gamma", {1}}}));
}

TEST(an_initialiser_source_repeats_its_draws_within_their_limits) {
  InitializerSource source({{"weight", glorot_uniform()}, {"bias", constant(0.5f)}}, 7);
  const std::vector<SourceTensor> asked = {{"weight", {30, 3, 3, 2}}, {"bias", {30}}};
  const auto lent = source.load(asked);
  const std::vector<float> first(lent[0].begin(), lent[0].end());
  CHECK_EQUAL(lent[1][29], 0.5f);
  const float limit = std::sqrt(6.0f / (18 + 270));  // fan_in 3 * 3 * 2, fan_out 30 * 3 * 3
  const auto [low, high] = std::ranges::minmax(first);
  CHECK(low >= -limit && low < -0.95f * limit && high < limit && high > 0.95f * limit);
  source.purge();
  CHECK(std::ranges::equal(source.load(asked)[0], first));
  InitializerSource he({{"weight", he_uniform()}}, 8);
  const auto wide = std::ranges::minmax(he.load(std::array{asked[0]})[0]);
  CHECK(wide.max > 0.95f * std::sqrt(6.0f / 18) && wide.max < std::sqrt(6.0f / 18));
  CHECK_THROWS(ShapeError, "has no fan", he.load(std::array{SourceTensor{"weight", {4}}}));
}

class Short final : public DataSource {
 public:
  explicit Short(int& purged) : purged_(purged) {}
  std::vector<std::span<const float>> load(std::span<const SourceTensor>) override {
    return {std::span<const float>(values_)};
  }
  void purge() override { ++purged_; }

 private:
  int& purged_;
  std::vector<float> values_ = {1, 2, 3};
};

TEST(a_source_that_lends_the_wrong_size_is_an_error_and_is_purged) {
  int purged = 0;
  const auto net =
      two_layers(std::make_shared<test::RandomSource>(1), std::make_shared<Short>(purged));
  CHECK_THROWS(ShapeError, "b.weight", test::trainer(net, test::options("reference")));
  CHECK_EQUAL(purged, 1);
}

class OwnRule final : public test::RandomSource {
 public:
  explicit OwnRule(bool fails) : RandomSource(1), fails_(fails) {}
  bool updates() const override { return true; }
  void update(std::span<const SourceTensor> tensors, std::span<const HostArray>,
              std::span<const HostSpan> values) override {
    if (fails_) throw Error("own rule: no");
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      for (std::size_t k = 0; k < values[i].elements; ++k) {
        if (values[i].dtype == DType::float64)
          static_cast<double*>(values[i].data)[k] = 0.25;
        else
          static_cast<float*>(values[i].data)[k] = 0.25f;
      }
    }
  }

 private:
  bool fails_;
};

double first_of(const Trainer& trainer, const std::string& name, std::size_t elements) {
  const auto session = trainer.session();
  std::vector<double> wide(elements);
  std::vector<float> narrow(elements);
  const bool single = session->floating() == DType::float32;
  const HostSpan to = single ? HostSpan{narrow.data(), DType::float32, elements}
                             : HostSpan{wide.data(), DType::float64, elements};
  session->read(std::array{std::pair{name, to}});
  return single ? narrow[0] : wide[0];
}

TEST(update_replaces_the_optimizer_of_its_op_alone) {
  const test::Data data(8);
  for (const Backend* backend : backends()) {
    const auto net =
        two_layers(std::make_shared<OwnRule>(false), std::make_shared<test::RandomSource>(2));
    Trainer trainer = test::trainer(net, test::options(backend->name()));
    const double before = first_of(trainer, "b.weight", 15);
    trainer.train_step(8, {{net.x, data.image(0, 8)}}, data.label(0, 8)).wait();
    CHECK_EQUAL(first_of(trainer, "a.weight", 180), 0.25);
    CHECK(first_of(trainer, "b.weight", 15) != before);
  }
}

TEST(an_update_that_throws_fails_its_step_and_changes_nothing) {
  const test::Data data(8);
  for (const Backend* backend : backends()) {
    const auto net =
        two_layers(std::make_shared<OwnRule>(true), std::make_shared<test::RandomSource>(2));
    Trainer trainer = test::trainer(net, test::options(backend->name()));
    const double before = first_of(trainer, "b.weight", 15);
    const Step step = trainer.train_step(8, {{net.x, data.image(0, 8)}}, data.label(0, 8));
    CHECK_THROWS(Error, "own rule: no", step.wait());
    CHECK_THROWS(Error, "own rule: no", step.wait());
    CHECK_EQUAL(first_of(trainer, "b.weight", 15), before);
  }
}

}  // namespace
