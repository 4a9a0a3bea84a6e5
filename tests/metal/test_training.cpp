#include <chrono>
#include <cmath>
#include <thread>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "metal_double/control.hpp"

using namespace mpsnn;
using test::Data;
using test::kBatch;

namespace {

/// conv2d - batch_norm - group_norm - relu - lstm - dense - cross entropy: every data source.
test::Net net_of_all_sources() {
  test::Net net;
  Graph& g = net.graph;
  net.x = g.add(Input{{6, 6, 1}}, {}, "x");
  net.labels = g.add(Labels{{test::kClasses}}, {}, "labels");
  const auto random = [](unsigned seed) { return std::make_shared<test::RandomSource>(seed); };
  ValueId y = g.add(Conv2d{.stride = {6, 1}},
                    {net.x, test::parameter(g, {4, 3, 3, 1}, "conv.weight", random(1)),
                     test::parameter(g, {4}, "conv.bias", nullptr)},
                    "conv");
  y = test::batch_norm(g, y, 4);
  y = g.add(GroupNorm{2},
            {y, test::parameter(g, {4}, "group.gamma", std::make_shared<test::OnesSource>()),
             test::parameter(g, {4}, "group.beta", nullptr)},
            "group");
  y = g.add(Dropout{0.2f, 0}, {g.add(Neuron{}, {y})});
  y = g.add(Reshape{{6, 4}}, {y});
  y = g.add(Lstm{},
            {y,
             test::parameter(g, {12, 4}, "lstm.weight", random(2)),
             test::parameter(g, {12, 3}, "lstm.recurrent_weight", random(3)),
             test::parameter(g, {12}, "lstm.bias", nullptr),
             {},
             {},
             {},
             {}},
            "lstm");
  net.logits = g.add(Dense{},
                     {y, test::parameter(g, {3, 18}, "dense.weight", random(4)),
                      test::parameter(g, {3}, "dense.bias", nullptr)},
                     "dense");
  net.loss = g.add(Loss{}, {net.logits, net.labels, g.producer(net.labels).outputs[1]}, "loss");
  net.probabilities = g.add(Softmax{}, {net.logits});
  return net;
}

struct Fixture {
  explicit Fixture(test::Net n, const Optimizer& optimizer = {Adam{}, 0.01f})
      : net(std::move(n)), trainer(test::trainer(net, options(optimizer))) {}

  static TrainerOptions options(const Optimizer& optimizer) {
    TrainerOptions out = test::options("metal");
    out.optimizer = optimizer;
    return out;
  }
  Step start(int i) {
    const int first = i % 4 * kBatch;
    return trainer.train_step(kBatch, {{net.x, data.image(first, kBatch)}},
                              data.label(first, kBatch));
  }
  float loss(int i) {
    float sum = 0;
    const Step step = start(i);  // which owns the losses
    for (float l : step.loss()) sum += l;
    return sum;
  }
  /// Every variable, one behind the other.
  std::vector<float> variables() {
    std::vector<float> out;
    for (const Variable& v : trainer.session()->variables()) {
      const std::size_t at = out.size();
      out.resize(at + v.shape.size());
      const std::pair<std::string, HostSpan> to = {
          v.name, {out.data() + at, DType::float32, out.size() - at}};
      trainer.session()->read(std::span(&to, 1));
    }
    return out;
  }

  test::Net net;
  Data data{4 * kBatch};
  Trainer trainer;
};

struct Alive {
  int images = metal_double::live_images(), buffers = metal_double::live_buffers();
  int states = metal_double::live_states();

  friend bool operator==(const Alive&, const Alive&) = default;
};

/// Waits until the GPU's thread has let go of the last command buffer.
void settle() {
  for (int i = 0; i < 1000 && metal_double::live_command_buffers(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace

TEST(a_thousand_steps_leave_nothing_behind_and_ask_for_nothing) {
  {
    Fixture f(net_of_all_sources());
    for (int i = 0; i < 5; ++i) f.loss(i);
    f.trainer.wait();
    settle();
    const Alive before;
    const int images = metal_double::made_images(), buffers = metal_double::made_buffers();
    for (int i = 0; i < 1000; ++i) f.start(i);
    f.trainer.wait();
    settle();
    CHECK(Alive() == before);
    CHECK_EQUAL(metal_double::made_images(), images);
    CHECK_EQUAL(metal_double::made_buffers(), buffers);
    CHECK_EQUAL(metal_double::live_command_buffers(), 0);
  }
  settle();
  CHECK_EQUAL(metal_double::live_images(), 0);
  CHECK_EQUAL(metal_double::live_buffers(), 0);
  CHECK_EQUAL(metal_double::live_states(), 0);
  CHECK_EQUAL(metal_double::live_devices(), 0);
}

/// Command buffers of one step: MPS commits what it has as it goes.
int parts_of_a_step() {
  Fixture f(net_of_all_sources());
  f.loss(0);
  const int before = metal_double::committed();
  f.loss(1);
  return metal_double::committed() - before;
}

TEST(an_error_of_the_gpu_fails_its_step_and_puts_the_weights_back) {
  const int parts = parts_of_a_step();
  CHECK(parts > 4);
  for (const Optimizer& optimizer :
       {Optimizer{Sgd{}, 0.1f}, Optimizer{Sgd{0.9f}, 0.1f}, Optimizer{Adam{}, 0.01f}}) {
    Fixture f(net_of_all_sources(), optimizer), undisturbed(net_of_all_sources(), optimizer);
    CHECK_EQUAL(f.loss(0), undisturbed.loss(0));
    const std::vector<float> before = f.variables();
    for (int i = 0; i < 4 * parts; ++i) {
      metal_double::fail_command_buffer(i / 4, "page fault", 0.3 * (i % 4));
      CHECK_THROWS(DeviceError, "GPU error 1: page fault", f.start(1).wait());
      CHECK(f.variables() == before);
      CHECK_EQUAL(f.trainer.session()->step(), 1u);
    }
    for (int i = 1; i < 4; ++i) CHECK_EQUAL(f.loss(i), undisturbed.loss(i));
    CHECK(f.variables() == undisturbed.variables());
  }
}

TEST(a_step_behind_one_that_fails_starts_again_from_the_weights_before) {
  Fixture f(net_of_all_sources()), undisturbed(net_of_all_sources());
  const int parts = parts_of_a_step();
  metal_double::fail_command_buffer(2 * parts + parts / 2, "hang");
  std::vector<Step> steps;
  for (int i : {0, 1, 2, 3, 4}) steps.push_back(f.start(i));
  CHECK_THROWS(DeviceError, "GPU error 1: hang", steps[2].wait());
  for (int i : {0, 1, 3, 4}) {
    const Step expected = undisturbed.start(i);
    CHECK(std::ranges::equal(steps[i].loss(), expected.loss()));
  }
  CHECK(f.variables() == undisturbed.variables());
  CHECK_EQUAL(f.trainer.session()->step(), 4u);
}

TEST(a_step_that_begins_and_cannot_be_encoded_whole_is_undone) {
  Fixture f(net_of_all_sources()), undisturbed(net_of_all_sources());
  CHECK_EQUAL(f.loss(0), undisturbed.loss(0));
  const std::vector<float> before = f.variables();
  const int parts = parts_of_a_step();
  for (int part = 1; part < parts; ++part) {
    metal_double::raise_behind_a_part(part);
    CHECK_THROWS(DeviceError, "MPS: planted", f.start(1).wait());
    CHECK(f.variables() == before);
  }
  for (int i = 1; i < 4; ++i) CHECK_EQUAL(f.loss(i), undisturbed.loss(i));
  CHECK(f.variables() == undisturbed.variables());
}

TEST(faults_leave_nothing_behind) {
  {
    Fixture f(net_of_all_sources());
    f.loss(0);
    settle();
    const Alive before;
    for (int i = 0; i < 20; ++i) {
      metal_double::fail_command_buffer(0, "page fault");
      CHECK_THROWS(DeviceError, "GPU error 1: page fault", f.start(i).wait());
      metal_double::raise_behind_a_part(2);
      CHECK_THROWS(DeviceError, "MPS: planted", f.start(i).wait());
      settle();
    }
    CHECK(std::isfinite(f.loss(1)));
    f.trainer.wait();
    settle();
    CHECK(Alive() == before);
  }
  settle();
  CHECK_EQUAL(metal_double::live_buffers(), 0);
  CHECK_EQUAL(metal_double::live_states(), 0);
}

TEST(on_a_gpu_with_memory_of_its_own_results_are_synchronized) {
  metal_double::set_gpus({{.name = "On a card"}});
  {
    Fixture f(net_of_all_sources());
    CHECK(f.loss(1) < 1.2f * f.loss(0));
    const ValueId of_sequence = f.net.graph.producer(f.net.logits).inputs[0];
    Trainer trainer(f.net.graph, f.net.loss, {f.net.probabilities, of_sequence},
                    test::options("metal"));
    std::vector<float> out(kBatch * test::kClasses), hidden(kBatch * 18);
    trainer.infer(kBatch, {{f.net.x, f.data.image(0, kBatch)}},
                  std::array{HostSpan{out.data(), DType::float32, out.size()},
                             HostSpan{hidden.data(), DType::float32, hidden.size()}});
    CHECK(std::ranges::none_of(hidden, [](float h) { return h == 0; }));
    for (int n = 0; n < kBatch; ++n)
      CHECK(std::abs(out[3 * n] + out[3 * n + 1] + out[3 * n + 2] - 1) < 1e-5f);
  }
  metal_double::set_gpus({{.name = "Stand-in", .unified_memory = true}});
}

TEST(what_mps_has_not_is_refused_all_at_once_with_its_reasons) {
  Graph g;
  const ValueId x = g.add(Input{{4, 6, 6}});
  const ValueId y = g.add(Transpose{{1, 0, 2, 3}}, {x});
  const ValueId weight = g.add(Parameter{{6, 1, 1, 3}, true, nullptr, ""}, {}, "w");
  const ValueId z = g.add(Conv2d{.groups = 2}, {y, weight});
  CompileOptions options;
  options.outputs = {z};
  CHECK_THROWS(UnsupportedError, "transpose(%0) order=(1, 0, 2, 3)",
               backend("metal").compile(g, options));
  CHECK_THROWS(UnsupportedError, "a group has a multiple of 4 channels, in and out, not 3 and 3",
               backend("metal").compile(g, options));
}

TEST(a_trainer_takes_the_gpu_that_it_is_given) {
  metal_double::set_gpus({{.name = "Large"}, {.name = "Too small", .memory = 16}});
  const std::vector<Device> found = devices();
  test::Net net = net_of_all_sources();
  TrainerOptions options = test::options("metal");
  for (const Device& device : found) {
    if (device.backend != "metal") continue;
    options.device = device.id;
    if (device.name == "Large")
      test::trainer(net, options).wait();
    else
      CHECK_THROWS(DeviceError, "not enough memory: ", test::trainer(net, options));
  }
  options.device = 12345;
  CHECK_THROWS(DeviceError, "device: there is no GPU with the id 12345",
               test::trainer(net, options));
  metal_double::set_gpus({{.name = "Stand-in", .unified_memory = true}});
}
