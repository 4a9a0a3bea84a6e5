#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "mpsnn/data_source.hpp"

namespace mpsnn {

/// Lends arrays that it owns, by tensor name.
class ArraySource final : public DataSource {
 public:
  explicit ArraySource(std::map<std::string, std::vector<float>> arrays);
  /// @throws ShapeError naming a tensor that is missing or has another size.
  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override;

 private:
  const std::map<std::string, std::vector<float>> arrays_;
};

/// Writes the first values of a tensor of this shape. Draws depend on the
/// generator alone, not on the standard library's distributions.
using Initializer = std::function<void(std::span<float>, const Shape&, std::mt19937_64&)>;

Initializer constant(float value);
/// Uniform in [low, high).
Initializer uniform(float low, float high);
/// Uniform in +-sqrt(6 / (fan_in + fan_out)). Glorot & Bengio, AISTATS 2010, eq. 16.
/// fan_in is the product of all axes but the first, fan_out of all but the last.
Initializer glorot_uniform();
/// Uniform in +-sqrt(6 / fan_in), for layers before a relu. He et al., ICCV 2015, eq. 10.
Initializer he_uniform();

/// Draws the tensors of one op when they are asked for, and forgets them at `purge`.
/// The same seed draws the same.
class InitializerSource final : public DataSource {
 public:
  InitializerSource(std::map<std::string, Initializer> initializers, std::uint64_t seed);
  /// @throws ShapeError naming a tensor without initialiser.
  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override;
  void purge() override { values_.clear(); }

 private:
  const std::map<std::string, Initializer> initializers_;
  const std::uint64_t seed_;
  std::vector<std::vector<float>> values_;
};

}  // namespace mpsnn
