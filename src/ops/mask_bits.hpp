#pragma once

#include <algorithm>

#include "mpsnn/shape.hpp"

/// Masks of a bit per element: each row of C channels takes whole bytes, channel c being bit c % 8
/// of byte c / 8.
namespace mpsnn::mask_bits {

constexpr Dim row_bytes(Dim channels) { return (channels + 7) / 8; }

/// Of the mask of values (..., C).
inline Shape shape(const Shape& values) {
  std::array<Dim, Shape::max_rank> dims;
  std::ranges::copy(values.dims(), dims.begin());
  Dim& last = dims[values.rank() - 1];
  last = row_bytes(last);
  return Shape(std::span<const Dim>(dims.data(), values.rank()));
}

inline bool get(const std::uint8_t* row, Dim channel) {
  return row[channel / 8] >> (channel % 8) & 1;
}
inline void set(std::uint8_t* row, Dim channel, bool value) {
  std::uint8_t& byte = row[channel / 8];
  const auto bit = static_cast<std::uint8_t>(1 << channel % 8);
  byte = static_cast<std::uint8_t>(value ? byte | bit : byte & ~bit);
}

}  // namespace mpsnn::mask_bits
