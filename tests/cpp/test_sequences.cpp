#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "cpp/check.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;

namespace {

constexpr Dim T = 5, I = 3, H = 4;
constexpr int kSequences = 3;

std::vector<float> numbers(std::size_t count) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = std::sin(1.7f * static_cast<float>(i) + 0.3f);
  return out;
}

HostArray array(const std::vector<float>& values) {
  return {values.data(), DType::float32, values.size()};
}

/// An LSTM over T steps whose weights come from one source; its last state is the result.
struct Sequence {
  explicit Sequence(Dim steps, bool stateful) {
    graph.add(Input{Shape{steps, I}}, {}, "x");
    x = ValueId{0};
    const Initializer any = uniform(-0.5f, 0.5f);
    const auto source = std::make_shared<InitializerSource>(
        std::map<std::string, Initializer>{
            {"weight", any}, {"recurrent_weight", any}, {"bias", any}},
        7);
    const auto parameter = [&](Shape shape, const char* tensor) {
      return graph.add(Parameter{shape, true, source, tensor}, {}, str("lstm.", tensor));
    };
    const ValueId weight = parameter({4 * H, I}, "weight");
    const ValueId recurrent = parameter({4 * H, H}, "recurrent_weight");
    const ValueId bias = parameter({4 * H}, "bias");
    if (stateful) {
      h0 = graph.add(Input{Shape{H}}, {}, "h");
      c0 = graph.add(Input{Shape{H}}, {}, "c");
    }
    lstm = graph.add(Lstm{}, {x, weight, recurrent, bias, {}, h0, c0}, "lstm");
    h = graph.producer(lstm).outputs[1];
    c = graph.producer(lstm).outputs[2];
  }
  Graph graph;
  ValueId x, h0, c0, lstm, h, c;
};

/// h and c of each sequence.
struct Cell {
  std::vector<float> h = std::vector<float>(kSequences * H), c = h;
  std::array<HostSpan, 2> spans() {
    return {HostSpan{h.data(), DType::float32, h.size()},
            HostSpan{c.data(), DType::float32, c.size()}};
  }
};

}  // namespace

TEST(one_step_at_a_time_gives_the_state_of_the_whole_sequence) {
  for (const Backend* backend : backends()) {
    const Sequence whole(T, false), one(1, true);
    Predictor all(whole.graph, {whole.h, whole.c},
                  {.batch = 2, .backend = std::string(backend->name())});
    const std::vector<float> data = numbers(kSequences * T * I);
    Cell expected;
    all.run(kSequences, {{whole.x, array(data)}}, {}, expected.spans());

    Predictor step(
        one.graph, {one.h, one.c},
        {.batch = kSequences, .backend = std::string(backend->name()), .session = all.session()});
    CHECK_EQUAL(step.session().get(), all.session().get());
    Cell state;
    for (Dim t = 0; t < T; ++t) {
      std::vector<float> x;
      for (int n = 0; n < kSequences; ++n)
        x.insert(x.end(), &data[(n * T + t) * I], &data[(n * T + t) * I] + I);
      Cell next;
      step.run(kSequences, {{one.x, array(x)}, {one.h0, array(state.h)}, {one.c0, array(state.c)}},
               {}, next.spans());
      state = next;
    }
    for (std::size_t i = 0; i < state.h.size(); ++i) {
      if (!(std::abs(state.h[i] - expected.h[i]) < 1e-6f &&
            std::abs(state.c[i] - expected.c[i]) < 1e-6f))
        test::fail(__FILE__, __LINE__, str(backend->name(), ": state ", i, " is ", state.h[i]));
    }
  }
}

TEST(a_gradient_comes_through_the_last_state_alone) {
  Sequence s(T, false);
  Reduce sum;
  sum.axes = 1;
  const ValueId loss = s.graph.add(sum, {s.c});
  const std::vector<ValueId> wrt = parameters(s.graph);
  for (const Gradient& g : add_gradients(s.graph, loss, wrt)) CHECK_EQUAL(bool(g.gradient), true);
  const Node& gradient = s.graph.nodes().back();
  CHECK_EQUAL(bool(gradient.inputs.front()), false);  // nothing comes through y
  CHECK_EQUAL(bool(gradient.inputs.back()), true);    // but through c
}

TEST(a_predictor_refuses_what_is_not_one_per_image) {
  const Sequence s(T, false);
  const ValueId weight{1};
  CHECK_THROWS(ShapeError, "outputs: value 1 is not one per image",
               Predictor(s.graph, std::vector<ValueId>{weight}, {}));
  PredictorOptions empty;
  empty.batch = 0;
  CHECK_THROWS(ShapeError, "batch: must be 1 to",
               Predictor(s.graph, std::vector<ValueId>{s.h}, empty));
}
