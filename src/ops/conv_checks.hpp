#pragma once

#include "ops/conv_geometry.hpp"
#include "ops/window_checks.hpp"

/// What conv2d and conv_transpose2d check and print alike.
namespace mpsnn {

/// That stride, dilation, padding and groups are in range.
template <class Conv>
void check_attributes(const Op& op, const Conv& conv) {
  require_size(op, "stride", conv.stride);
  require_size(op, "dilation", conv.dilation);
  require_padding(op, conv.padding);
  require(conv.groups >= 1, op, str("groups must be at least 1, got ", conv.groups));
}

/// That x, weight and bias agree with each other and with `groups`.
void check_inputs(const Op& op, std::span<const TensorDesc> in, int groups);

/// " stride=(1, 1) padding=same", and what is not as by default.
template <class Conv>
std::string print_attributes(const Conv& conv) {
  std::string out = str(" stride=", conv.stride);
  if (conv.dilation != Size2{}) out += str(" dilation=", conv.dilation);
  out += str(" padding=", conv.padding);
  if (conv.groups != 1) out += str(" groups=", conv.groups);
  if (conv.accumulator == Accumulator::half) out += " accumulator=half";
  return out;
}

}  // namespace mpsnn
