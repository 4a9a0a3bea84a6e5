#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mpsnn/backend.hpp"

namespace metal_double {

/// Values on the GPU that is played: those of `images` images, or, where that is 0, of none.
struct Tensor {
  mpsnn::Shape shape;
  int images = 0;
  std::vector<float> values;
};

/// What one kernel of MPS computes: one op of this library, on its reference backend, so that the
/// stand-in has no arithmetic of its own. Inputs may be absent: without values.
class Arithmetic {
 public:
  /// Every float output, the others empty.
  std::vector<Tensor> forward(const mpsnn::Op& op, const std::vector<Tensor>& inputs);
  /// The gradient of each input, empty where there is none.
  std::vector<Tensor> gradient(const mpsnn::Op& op, const std::vector<Tensor>& inputs,
                               const Tensor& dy);

 private:
  struct Compiled;
  Compiled& compiled(const mpsnn::Op& op, const std::vector<Tensor>& inputs, const Tensor* dy);
  std::vector<Tensor> run(Compiled& c, const std::vector<Tensor>& inputs, const Tensor* dy);

  std::map<std::string, std::shared_ptr<Compiled>> compiled_;
};

}  // namespace metal_double
