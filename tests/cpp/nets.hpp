#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "mpsnn/mpsnn.hpp"

/// A small network of every kind of node, and data for it.
namespace mpsnn::test {

/// Draws each tensor anew from a generator of its own.
class RandomSource : public DataSource {
 public:
  explicit RandomSource(unsigned seed, float scale = 0.3f) : rng_(seed), scale_(scale) {}

  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override {
    std::normal_distribution<float> normal(0, scale_);
    std::vector<std::span<const float>> out;
    values_.resize(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      values_[i].resize(tensors[i].shape.size());
      for (float& v : values_[i]) v = normal(rng_);
      out.emplace_back(values_[i]);
    }
    return out;
  }
  void purge() override { values_.clear(); }

 private:
  std::mt19937 rng_;
  float scale_;
  std::vector<std::vector<float>> values_;
};

/// Ones, for gamma and running_var.
class OnesSource : public DataSource {
 public:
  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override {
    values_.assign(tensors.front().shape.size(), 1.0f);
    return {values_};
  }

 private:
  std::vector<float> values_;
};

struct Net {
  Graph graph;
  ValueId x, labels, logits, loss, probabilities;
};

inline constexpr int kSide = 6, kClasses = 3, kBatch = 8;

inline ValueId parameter(Graph& g, const Shape& shape, const std::string& label,
                         std::shared_ptr<DataSource> source, bool trainable = true) {
  const std::string tensor = label.substr(label.find('.') + 1);
  return g.add(Parameter{shape, trainable, std::move(source), tensor}, {}, label);
}

inline ValueId batch_norm(Graph& g, ValueId x, Dim channels) {
  const auto ones = [] { return std::make_shared<OnesSource>(); };
  const ValueId gamma = parameter(g, {channels}, "norm.gamma", ones());
  const ValueId beta = parameter(g, {channels}, "norm.beta", nullptr);
  const ValueId mean = parameter(g, {channels}, "norm.running_mean", nullptr, false);
  const ValueId var = parameter(g, {channels}, "norm.running_var", ones(), false);
  return g.add(BatchNorm{}, {x, gamma, beta, mean, var}, "norm");
}

/// input - conv2d - batch_norm - relu - max_pool2d - dropout - dense - cross entropy.
inline Net small_net(float dropout = 0.2f) {
  Net net;
  Graph& g = net.graph;
  net.x = g.add(Input{{kSide, kSide, 1}}, {}, "x");
  net.labels = g.add(Labels{{kClasses}}, {}, "labels");
  const auto conv = std::make_shared<RandomSource>(1);
  const ValueId weight = parameter(g, {4, 3, 3, 1}, "conv.weight", conv);
  const ValueId bias = parameter(g, {4}, "conv.bias", conv);
  ValueId y = g.add(Conv2d{}, {net.x, weight, bias}, "conv");
  y = g.add(Neuron{}, {batch_norm(g, y, 4)});
  y = g.add(MaxPool2d{{2, 2}, {2, 2}, {}, {Padding::Mode::valid}}, {y});
  y = g.add(Dropout{dropout, 0}, {y});
  const ValueId dense =
      parameter(g, {kClasses, 36}, "dense.weight", std::make_shared<RandomSource>(2));
  net.logits = g.add(Dense{}, {y, dense, parameter(g, {kClasses}, "dense.bias", nullptr)}, "dense");
  const ValueId weights = g.producer(net.labels).outputs[1];
  net.loss = g.add(Loss{}, {net.logits, net.labels, weights}, "loss");
  net.probabilities = g.add(Softmax{}, {net.logits});
  return net;
}

/// Images whose class shows in their brightest third of rows.
struct Data {
  explicit Data(int count, unsigned seed = 3) : images(count * kSide * kSide), classes(count) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> noise(0, 0.3f);
    for (int n = 0; n < count; ++n) {
      classes[n] = static_cast<std::int32_t>(rng() % kClasses);
      for (int i = 0; i < kSide * kSide; ++i) {
        const bool bright = i / kSide / (kSide / kClasses) == classes[n];
        images[n * kSide * kSide + i] = noise(rng) + (bright ? 1.0f : 0.0f);
      }
    }
  }
  HostArray image(int first, int count) const {
    const std::size_t each = kSide * kSide;
    return {images.data() + first * each, DType::float32, count * each};
  }
  LossLabels label(int first, int count) const {
    return {{classes.data() + first, DType::int32, static_cast<std::size_t>(count)}, {}};
  }

  std::vector<float> images;
  std::vector<std::int32_t> classes;
};

inline TrainerOptions options(std::string_view backend) {
  TrainerOptions out;
  out.optimizer = {Adam{}, 0.01f};
  out.batch = kBatch;
  out.backend = backend;
  out.seed = 5;
  out.threads = 2;
  return out;
}

inline Trainer trainer(const Net& net, const TrainerOptions& options) {
  return Trainer(net.graph, net.loss, {net.probabilities}, options);
}

}  // namespace mpsnn::test
