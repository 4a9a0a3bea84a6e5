#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace mpsnn {

/// The IEEE float16 nearest to `value`, ties to even: subnormals down to 2^-24 in, infinity
/// from 65520 on, the middle between the largest number, 65504, and what would follow it.
inline double round_to_half(double value) {
  const double size = std::fabs(value);
  // Below 2^-14 the distance of neighbours is 2^-24: where a double of this size has its last bit.
  constexpr double subnormals = 0x1.8p28;
  const double small = value + subnormals - subnormals;
  // Above, a number keeps 10 bits after the first: 42 fewer than a double.
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t half_a_unit = (std::uint64_t{1} << 41) - 1 + ((bits >> 42) & 1);
  const auto normal = std::bit_cast<double>((bits + half_a_unit) >> 42 << 42);
  const double finite = size < 0x1p-14 ? small : normal;
  const double large =
      std::isnan(value) ? value : std::copysign(std::numeric_limits<double>::infinity(), value);
  return size < 65520 ? finite : large;
}

/// One step of Accumulator::half. The product of two halves is exact in a double. So is its sum
/// with a third wherever that lies near the middle of two halves, so that rounding twice does
/// not differ from rounding once.
inline double add_in_half(double sum, double x, double weight) {
  return round_to_half(sum + x * weight);
}

}  // namespace mpsnn
