#pragma once

#include <optional>
#include <vector>

#include "backend/metal/program.hpp"

/// What the host computes for the device.
namespace mpsnn::metal {

/// What is bound to a run as `value`; null if nothing is.
const HostArray* bound(const Bindings& bindings, ValueId value);

/// The values of an Input: x * scale + offset.
std::vector<float> input_values(const HostArray& x, const Input& op);

/// Labels as numbers, where they may be indices of the last axis's classes.
std::vector<float> labels_of(const HostArray& array, Dim elements, Dim classes);

/// What every element of a source is, where it is one number: the share of an image in the mean
/// loss; weights that nobody gave.
std::optional<float> constant_of(const Node& node, ValueId value, const Bindings& bindings);

/// Turns weights of `taps` taps, of `inner` elements each, the other way round.
void turn_taps(float* weights, Dim elements, Dim taps, Dim inner);

/// The mask of a run that every backend draws, as factors of x: 0 or 1 / (1 - rate).
std::vector<float> mask_of(const Dropout& op, const TensorDesc& x, const RunAt& run);

}  // namespace mpsnn::metal
