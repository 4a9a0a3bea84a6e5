#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "backend/cpu/lanes.hpp"

/// Functions of one float, written so that the compiler can run a loop over them on vectors: see
/// MPSNN_SIMD. Relative errors are under 3e-7.
namespace mpsnn::cpu {

/// e^x; 0 and infinity are not reached.
MPSNN_INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  // x = n log 2 + r with |r| <= log 2 / 2. Adding 1.5 * 2^23 rounds to a whole number, and log 2
  // in two parts, the first with few bits, makes n * first exact.
  constexpr float shift = 0x1.8p23f, first = 0x1.62ep-1f, second = 0x1.0bfbe8p-15f;
  const float n = (x * 0x1.715476p0f + shift) - shift;
  const float r = (x - n * first) - n * second;
  // Taylor's series: what is left out is r^8 / 8! < 6e-9.
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

MPSNN_INLINE float logistic(float x) { return 1.0f / (1.0f + exponential(-x)); }

MPSNN_INLINE float hyperbolic_tangent(float x) {
  const float size = std::fabs(x), square = x * x;
  // Near 0, where 1 - 2 / (e^2x + 1) loses digits, Taylor's series to x^13.
  float p = 21844.0f / 6081075;
  p = p * square - 1382.0f / 155925;
  p = p * square + 62.0f / 2835;
  p = p * square - 17.0f / 315;
  p = p * square + 2.0f / 15;
  p = p * square - 1.0f / 3;
  const float near = x + x * square * p;
  const float far = std::copysign(1.0f - 2.0f / (exponential(2.0f * size) + 1.0f), x);
  return size < 0.45f ? near : far;
}

}  // namespace mpsnn::cpu
