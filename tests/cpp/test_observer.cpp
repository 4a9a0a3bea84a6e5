#include <map>
#include <set>
#include <thread>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;
using test::kBatch;

namespace {

using Time = std::chrono::steady_clock::time_point;

struct Seen {
  int node;
  Time begin, end;
};

/// The training step of the small net, and what of it an observer saw.
struct Fixture {
  explicit Fixture(const Backend& backend, float dropout = 0.2f) : net(test::small_net(dropout)) {
    const Optimizer adam{Adam{}, 0.01f};
    ready = training_graph(net.graph, net.loss, adam);
    CompileOptions options;
    options.batch = kBatch;
    options.outputs = {net.loss};
    options.loss = net.loss;
    options.session_options.threads = 2;
    step = backend.compile(ready.graph, options);
  }

  Bindings bindings() {
    const LossLabels truth = data.label(0, kBatch);
    return {kBatch,
            {{net.x, data.image(0, kBatch)},
             {net.labels, truth.labels},
             {ready.learning_rate, {&rate, DType::float32, 1}}},
            {{net.loss, {loss.data(), DType::float32, loss.size()}}}};
  }
  NodeObserver observer() {
    return [this](int node, Time begin, Time end) { seen.push_back({node, begin, end}); };
  }
  /// Every variable as bytes, behind the runs so far.
  std::map<std::string, std::vector<std::byte>> state() {
    std::map<std::string, std::vector<std::byte>> out;
    std::vector<std::pair<std::string, HostSpan>> to;
    for (const Variable& v : step->session()->variables()) {
      const auto elements = static_cast<std::size_t>(v.shape.size());
      std::vector<std::byte>& bytes = out[v.name];
      bytes.resize(elements * size_of(v.dtype));
      to.emplace_back(v.name, HostSpan{bytes.data(), v.dtype, elements});
    }
    step->session()->read(to);
    return out;
  }

  test::Net net;
  test::Data data{kBatch};
  TrainingGraph ready;
  std::unique_ptr<Executable> step;
  std::vector<float> loss = std::vector<float>(kBatch);
  float rate = 0.01f;
  std::vector<Seen> seen;
};

std::vector<const Backend*> kernel_backends() {
  std::vector<const Backend*> out;
  for (const Backend* b : backends()) {
    if (b->name() != "metal") out.push_back(b);
  }
  return out;
}

TEST(an_observer_sees_every_node_that_runs_once_and_in_order) {
  for (const Backend* backend : kernel_backends()) {
    Fixture f(*backend);
    f.step->submit(f.bindings()).wait();
    CHECK(!f.step->observe(f.observer()));
    f.step->submit(f.bindings()).wait();
    CHECK(f.step->observe({}) != nullptr);
    f.step->submit(f.bindings()).wait();
    const std::vector<Implementation> ran = f.step->implementations();
    CHECK_EQUAL(f.seen.size(), ran.size());
    const Graph& graph = f.step->graph();
    for (std::size_t i = 0; i < ran.size(); ++i) {
      CHECK_EQUAL(graph.print(graph.nodes()[f.seen[i].node]), ran[i].node);
      CHECK(f.seen[i].begin <= f.seen[i].end);
      CHECK(i == 0 || f.seen[i - 1].end <= f.seen[i].begin);
    }
  }
}

TEST(a_rehearsal_is_observed_and_changes_no_bit) {
  for (const Backend* backend : kernel_backends()) {
    Fixture f(*backend), alone(*backend);
    for (Fixture* each : {&f, &alone}) each->step->submit(each->bindings()).wait();
    const auto before = f.state();
    const double busy = f.step->busy_seconds();
    f.step->rehearse(f.bindings(), 3, f.observer());
    CHECK(f.state() == before);
    CHECK_EQUAL(f.step->session()->step(), 1u);
    CHECK_EQUAL(f.step->busy_seconds(), busy);
    CHECK_EQUAL(f.seen.size(), 3 * f.step->implementations().size());
    for (Fixture* each : {&f, &alone}) each->step->submit(each->bindings()).wait();
    CHECK(f.state() == alone.state());
    CHECK(f.loss == alone.loss);
    CHECK_EQUAL(f.seen.size(), 3 * f.step->implementations().size());
  }
}

TEST(a_rehearsal_that_fails_changes_no_bit_either) {
  for (const Backend* backend : kernel_backends()) {
    Fixture f(*backend);
    f.step->submit(f.bindings()).wait();
    const auto before = f.state();
    std::vector<float> weights(kBatch, std::numeric_limits<float>::infinity());
    Bindings bad = f.bindings();
    bad.inputs.emplace_back(f.net.graph.producer(f.net.labels).outputs[1],
                            HostArray{weights.data(), DType::float32, weights.size()});
    CHECK_THROWS(NumericError, "changed no weight", f.step->rehearse(bad, 2, f.observer()));
    CHECK(f.state() == before);
    bad.images = kBatch + 1;
    CHECK_THROWS(ShapeError, "images", f.step->rehearse(bad, 2, f.observer()));
    f.seen.clear();
    f.step->submit(f.bindings()).wait();  // the observer went with its rehearsal
    CHECK(f.seen.empty());
  }
}

TEST(runs_of_other_threads_stay_whole_around_rehearsals) {
  Fixture f(backend("reference")), alone(backend("reference"));
  std::thread other([&] {
    for (int i = 0; i < 6; ++i) f.step->submit(f.bindings()).wait();
  });
  for (int i = 0; i < 6; ++i) f.step->rehearse(f.bindings(), 1, {});
  other.join();
  for (int i = 0; i < 6; ++i) alone.step->submit(alone.bindings()).wait();
  CHECK(f.state() == alone.state());
}

}  // namespace
