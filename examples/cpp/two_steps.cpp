// Trains a small network for two steps and reads a few images, in C++ alone.
#include <array>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <mpsnn/mpsnn.hpp>
#include <string>
#include <vector>

using mpsnn::DType;
using mpsnn::HostArray;
using mpsnn::HostSpan;

namespace {

/// A parameter with a source of its own.
mpsnn::ValueId parameter(mpsnn::Graph& graph, mpsnn::Shape shape, const char* name) {
  const std::uint64_t seed = graph.value_count();
  const auto source = std::make_shared<mpsnn::InitializerSource>(
      std::map<std::string, mpsnn::Initializer>{{"weight", mpsnn::glorot_uniform()}}, seed);
  return graph.add(mpsnn::Parameter{shape, true, source, "weight"}, {}, name);
}

}  // namespace

int main() try {
  constexpr int batch = 16, side = 8, classes = 2;

  mpsnn::Graph graph;
  const auto x = graph.add(mpsnn::Input{{side, side, 1}}, {}, "images");
  const auto labels = graph.add(mpsnn::Labels{{classes}}, {}, "labels");
  const auto weights = graph.producer(labels).outputs[1];
  auto y = graph.add(mpsnn::Conv2d{}, {x, parameter(graph, {4, 3, 3, 1}, "conv")});
  y = graph.add(mpsnn::Neuron{}, {y});
  y = graph.add(mpsnn::MaxPool2d{.kernel = {2, 2}, .stride = {2, 2}}, {y});
  y = graph.add(mpsnn::Dense{}, {y, parameter(graph, {classes, 64}, "dense")});
  const auto loss = graph.add(mpsnn::Loss{}, {y, labels, weights});
  const auto probabilities = graph.add(mpsnn::Softmax{}, {y});

  mpsnn::TrainerOptions options;
  options.optimizer = {mpsnn::Adam{}, 0.01f};
  options.batch = batch;
  mpsnn::Trainer trainer(graph, loss, {probabilities}, options);
  std::cout << "backend " << trainer.backend() << '\n';

  // Class 1 is bright, class 0 is dark.
  std::vector<float> images(batch * side * side);
  std::vector<std::int32_t> truth(batch);
  for (int i = 0; i < batch * side * side; ++i) {
    truth[i / (side * side)] = i / (side * side) % classes;
    images[i] = static_cast<float>(truth[i / (side * side)]) + 0.01f * static_cast<float>(i % 7);
  }
  const mpsnn::Inputs inputs = {{x, HostArray{images.data(), DType::float32, images.size()}}};
  const mpsnn::LossLabels bound = {HostArray{truth.data(), DType::int32, truth.size()}, {}};

  // Both are under way before either is waited for.
  const std::array steps = {trainer.train_step(batch, inputs, bound),
                            trainer.train_step(batch, inputs, bound)};
  for (const mpsnn::Step& step : steps) {
    float sum = 0;
    for (const float one : step.loss()) sum += one;
    std::cout << "loss " << sum / batch << '\n';
  }

  std::vector<float> read(batch * classes);
  trainer.infer(batch, inputs, std::array{HostSpan{read.data(), DType::float32, read.size()}});
  std::cout << "image 1 is bright with probability " << read[classes + 1] << '\n';
  return 0;
} catch (const mpsnn::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
