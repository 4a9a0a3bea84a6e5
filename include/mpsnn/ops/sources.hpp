#pragma once

#include <memory>
#include <string>

#include "mpsnn/data_source.hpp"
#include "mpsnn/ops/attributes.hpp"

namespace mpsnn {

/// Data bound at every run: y = x * scale + offset, computed on the device.
///   y (shape), batched, float32; the bound array has `dtype` (float32, uint8 or int32)
/// The padding of a partial batch repeats its first image.
struct Input {
  Shape shape;
  DType dtype = DType::float32;
  float scale = 1;
  float offset = 0;
  static const OpSpec& spec();
};

/// The ground truth, bound at every run, float32 (N, shape) or, where the last axis is
/// classes, their indices, int32 (N, shape without it); and weights, by default 1, and 0 for
/// the padding of a partial batch: one per image, or one per element.
///   labels (shape), weights () or (shape), batched
struct Labels {
  Shape shape;
  bool element_weights = false;
  static const OpSpec& spec();
};

/// One number bound at every run, such as a learning rate.  y (), not batched
struct Scalar {
  static const OpSpec& spec();
};

/// Values of a data source, kept on the device.  y (shape), not batched
struct Parameter {
  Shape shape;
  bool trainable = true;
  std::shared_ptr<DataSource> source;  ///< Null: bound later by Session::write; starts at 0.
  std::string tensor;                  ///< Which of the source's tensors this is, e.g. "weight".
  static const OpSpec& spec();
};

/// What an optimizer keeps between steps. Starts as a constant.  y (shape), not batched
struct State {
  Shape shape;
  float initial = 0;
  static const OpSpec& spec();
};

using SourceOps = OpList<Input, Labels, Scalar, Parameter, State>;

}  // namespace mpsnn
