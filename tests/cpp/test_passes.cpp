#include <algorithm>
#include <array>

#include "cpp/check.hpp"
#include "cpp/nets.hpp"
#include "mpsnn/mpsnn.hpp"
#include "passes/schedule.hpp"

using namespace mpsnn;

namespace {

int count(const Graph& g, std::string_view op, bool gradient = false) {
  return static_cast<int>(std::ranges::count_if(g.nodes(), [&](const Node& n) {
    return name(n.op) == op && bool(n.gradient_of) == gradient;
  }));
}

/// x -> dense -> h, and a loss on what `head` makes of h.
struct Branches {
  Graph g;
  ValueId x = g.add(Input{{4}});
  ValueId labels = g.add(Labels{{3}});
  ValueId weight = g.add(Parameter{{3, 4}}, {}, "weight");
  ValueId h = g.add(Dense{}, {x, weight});

  ValueId loss(ValueId logits) {
    return g.add(Loss{}, {logits, labels, g.producer(labels).outputs[1]});
  }
};

TEST(differentiate_sums_where_a_value_is_read_twice) {
  Branches b;
  const ValueId left = b.g.add(Neuron{}, {b.h}), right = b.g.add(Softmax{}, {b.h});
  const ValueId loss = b.loss(b.g.add(Add{}, {left, right}));
  const int adds = count(b.g, "add");
  const auto gradients = add_gradients(b.g, loss, std::array{b.weight, b.x});
  CHECK_EQUAL(count(b.g, "add"), adds + 1);
  CHECK_EQUAL(count(b.g, "dense", true), 1);
  CHECK_EQUAL(gradients.size(), 2u);
  CHECK_EQUAL(b.g.desc(gradients[0].gradient).shape, (Shape{3, 4}));
  CHECK(!b.g.desc(gradients[0].gradient).batched);
  CHECK(b.g.desc(gradients[1].gradient).batched);
}

TEST(differentiate_gives_no_gradient_to_what_the_loss_does_not_read) {
  Branches b;
  const ValueId unused = b.g.add(Parameter{{2}}, {}, "unused");
  const auto gradients = add_gradients(b.g, b.loss(b.h), std::array{unused, b.weight});
  CHECK(!gradients[0].gradient);
  CHECK(gradients[1].gradient);
  CHECK_THROWS(ShapeError, "loss must be one number per image", add_gradients(b.g, b.h, {}));
}

TEST(training_graph_needs_something_to_train) {
  Graph g;
  const ValueId x = g.add(Input{{3}}), labels = g.add(Labels{{3}});
  const ValueId loss = g.add(Loss{}, {x, labels, g.producer(labels).outputs[1]});
  CHECK_THROWS(ShapeError, "no trainable parameter", training_graph(g, loss, Sgd{}));
  CHECK_THROWS(ShapeError, "not an update rule",
               training_graph(test::small_net().graph, test::small_net().loss, Neuron{}));
}

TEST(eliminate_dead_keeps_what_is_asked_for_and_every_update) {
  Branches b;
  b.g.add(Neuron{}, {b.h});
  const ValueId loss = b.loss(b.h);
  const Graph only_h = eliminate_dead(b.g, std::array{b.h});
  CHECK_EQUAL(only_h.nodes().size(), 3u);
  CHECK(only_h.has(b.h));
  CHECK(!only_h.has(loss));
  const TrainingGraph training = training_graph(b.g, loss, Adam{});
  CHECK_EQUAL(count(training.graph, "relu"), 0);
  CHECK_EQUAL(count(eliminate_dead(training.graph, {}), "adam"), 1);
}

TEST(inference_graph_has_no_dropout_no_batch_statistics_and_no_loss) {
  const test::Net net = test::small_net();
  const Graph g = inference_graph(net.graph, std::array{net.probabilities});
  CHECK_EQUAL(count(g, "dropout"), 0);
  CHECK_EQUAL(count(g, "softmax_cross_entropy"), 0);
  for (const Node& node : g.nodes()) {
    if (const auto* norm = std::get_if<BatchNorm>(&node.op)) CHECK(!norm->training);
  }
  CHECK(g.has(net.probabilities));
}

TEST(fuse_joins_a_relu_to_the_op_before_it) {
  Branches b;
  const ValueId y = b.g.add(Neuron{}, {b.h});
  const Graph fused = fuse(b.g, std::array{y});
  CHECK_EQUAL(count(fused, "relu"), 0);
  CHECK_CONTAINS(fused.print(), str('%', y.index, " = dense("));
  CHECK_CONTAINS(fused.print(), "activation=relu");
}

TEST(fuse_leaves_alone_what_somebody_else_reads) {
  Branches b;
  const ValueId y = b.g.add(Neuron{}, {b.h});
  CHECK_EQUAL(count(fuse(b.g, std::array{y, b.h}), "relu"), 1);
  b.g.add(Softmax{}, {b.h});
  CHECK_EQUAL(count(fuse(b.g, std::array{y}), "relu"), 1);
}

TEST(fuse_joins_batch_norm_and_relu_forward_and_backward) {
  const test::Net net = test::small_net();
  const TrainingGraph training = training_graph(net.graph, net.loss, Sgd{});
  CHECK_EQUAL(count(training.graph, "relu", true), 1);
  const Graph fused = fuse(training.graph, std::array{net.loss});
  CHECK_EQUAL(count(fused, "relu"), 0);
  CHECK_EQUAL(count(fused, "relu", true), 0);
  CHECK_EQUAL(count(fused, "batch_norm", true), 1);
}

TEST(fuse_moves_a_relu_gradient_behind_the_pool) {
  Graph g;
  const ValueId x = g.add(Input{{6, 6, 2}}), labels = g.add(Labels{{3}});
  const ValueId conv = g.add(Parameter{{2, 3, 3, 2}}, {}, "conv");
  const ValueId dense = g.add(Parameter{{3, 18}}, {}, "dense");
  const ValueId y = g.add(Neuron{}, {g.add(Conv2d{}, {x, conv})});
  const ValueId pooled = g.add(MaxPool2d{{2, 2}, {2, 2}, {}, {Padding::Mode::valid}}, {y});
  const ValueId loss =
      g.add(Loss{}, {g.add(Dense{}, {pooled, dense}), labels, g.producer(labels).outputs[1]});
  const TrainingGraph training = training_graph(g, loss, Sgd{});
  const Graph fused = fuse(training.graph, std::array{loss});
  const auto relu = std::ranges::find_if(
      fused.nodes(), [](const Node& n) { return name(n.op) == "relu" && n.gradient_of; });
  CHECK(relu != fused.nodes().end());
  CHECK_EQUAL(fused.desc(relu->outputs[0]).shape, (Shape{3, 3, 2}));
}

}  // namespace

TEST(an_update_waits_for_whoever_reads_its_parameter_under_another_name) {
  Graph g;
  const ValueId x = g.add(Input{{3}});
  const ValueId a = g.add(Parameter{{2, 3}}, {}, "a"), b = g.add(Parameter{{2, 3}}, {}, "b");
  const ValueId gradient = g.add(Parameter{{2, 3}}, {}, "gradient");
  const ValueId rate = g.add(Scalar{});
  const ValueId loss = g.add(Dense{}, {x, gradient});
  g.add(Sgd{}, {a, {}, gradient, rate});
  g.add(Sgd{}, {b, {}, gradient, rate});
  const ValueId joined = g.add(Dense{}, {x, g.add(Concat{0}, {a, b})});
  const ValueId reshaped = g.add(Dense{}, {x, g.add(Reshape{{2, 3}}, {b})});
  const Graph ready = schedule_updates(g, loss);
  const auto position = [&](const auto& test) {
    return std::ranges::find_if(ready.nodes(), test) - ready.nodes().begin();
  };
  const auto update = [&](ValueId v) {
    return position([&](const Node& n) { return name(n.op) == "sgd" && n.inputs[0] == v; });
  };
  const auto reader = [&](ValueId v) {
    return position([&](const Node& n) { return std::ranges::count(n.outputs, v) > 0; });
  };
  CHECK(update(a) > reader(joined));
  CHECK(update(b) > reader(joined));
  CHECK(update(b) > reader(reshaped));
}
