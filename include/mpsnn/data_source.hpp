#pragma once

#include <span>
#include <string>
#include <vector>

#include "mpsnn/shape.hpp"

namespace mpsnn {

/// One tensor that a source serves, e.g. {"weight", (32, 5, 5, 1)}.
struct SourceTensor {
  std::string name;
  Shape shape;
};

/// Lends the weights of one op: asked just before they are copied to the
/// device, released right after, so that only one op's weights need be in host
/// memory at a time.
class DataSource {
 public:
  virtual ~DataSource() = default;

  /// Makes the values of every tensor in `tensors` available, in that order, as
  /// float32. They must stay valid until `purge`.
  virtual std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) = 0;
  /// Balances each `load`, also when copying failed.
  virtual void purge() {}

  /// Whether `update` replaces the trainer's optimizer for this op.
  virtual bool updates() const { return false; }
  /// Writes the new values into `values`. Called on the engine's thread after
  /// the gradients of a step; order and dtype as the device holds them.
  virtual void update(std::span<const SourceTensor> tensors, std::span<const HostArray> gradients,
                      std::span<const HostSpan> values);
};

}  // namespace mpsnn
