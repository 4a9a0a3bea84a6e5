#include "mpsnn/sources.hpp"

#include <algorithm>
#include <cmath>

#include "mpsnn/errors.hpp"

namespace mpsnn {
namespace {

template <class T>
const T& find(const std::map<std::string, T>& all, const std::string& tensor) {
  const auto it = all.find(tensor);
  if (it == all.end()) throw ShapeError(str("source: has nothing for '", tensor, "'"));
  return it->second;
}

void draw(std::span<float> values, double low, double high, std::mt19937_64& rng) {
  for (float& v : values) {
    const double unit = std::ldexp(static_cast<double>(rng() >> 11), -53);  // in [0, 1)
    v = static_cast<float>(low + (high - low) * unit);
  }
}

struct Fans {
  double in, out;

  explicit Fans(const Shape& shape) {
    if (shape.rank() < 2)
      throw ShapeError(str("source: a weight of shape ", shape, " has no fan; it needs two axes"));
    in = static_cast<double>(shape.size() / shape[0]);
    out = static_cast<double>(shape.size() / shape[shape.rank() - 1]);
  }
};

}  // namespace

ArraySource::ArraySource(std::map<std::string, std::vector<float>> arrays)
    : arrays_(std::move(arrays)) {}

std::vector<std::span<const float>> ArraySource::load(std::span<const SourceTensor> tensors) {
  std::vector<std::span<const float>> out;
  for (const SourceTensor& t : tensors) {
    const std::vector<float>& array = find(arrays_, t.name);
    if (static_cast<Dim>(array.size()) != t.shape.size())
      throw ShapeError(
          str("source: '", t.name, "' must be ", t.shape, ", got ", array.size(), " values"));
    out.emplace_back(array);
  }
  return out;
}

Initializer constant(float value) {
  return [value](std::span<float> out, const Shape&, auto&) { std::ranges::fill(out, value); };
}

Initializer uniform(float low, float high) {
  return [=](std::span<float> out, const Shape&, auto& rng) { draw(out, low, high, rng); };
}

Initializer glorot_uniform() {
  return [](std::span<float> out, const Shape& shape, auto& rng) {
    const Fans fans(shape);
    const double limit = std::sqrt(6 / (fans.in + fans.out));
    draw(out, -limit, limit, rng);
  };
}

Initializer he_uniform() {
  return [](std::span<float> out, const Shape& shape, auto& rng) {
    const double limit = std::sqrt(6 / Fans(shape).in);
    draw(out, -limit, limit, rng);
  };
}

InitializerSource::InitializerSource(std::map<std::string, Initializer> initializers,
                                     std::uint64_t seed)
    : initializers_(std::move(initializers)), seed_(seed) {}

std::vector<std::span<const float>> InitializerSource::load(std::span<const SourceTensor> tensors) {
  std::mt19937_64 rng(seed_);
  std::vector<std::vector<float>> values;
  for (const SourceTensor& t : tensors) {
    values.emplace_back(t.shape.size());
    find(initializers_, t.name)(values.back(), t.shape, rng);
  }
  values_ = std::move(values);
  return {values_.begin(), values_.end()};
}

}  // namespace mpsnn
