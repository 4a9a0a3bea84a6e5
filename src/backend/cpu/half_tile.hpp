#pragma once

#include "backend/cpu/float16.hpp"
#include "mpsnn/shape.hpp"

namespace mpsnn::cpu {

/// Output channels that are summed up at once.
constexpr Dim half_block = 64;

/// What a row of output pixels is summed from.
struct HalfRow {
  const Float16* x;              ///< What tap (0, 0) reads for the first pixel.
  const Float16* weight;         ///< (rows, columns, channels, half_block).
  Dim rows, columns, channels;   ///< Of the weight: taps in each direction, inputs.
  Dim row_step, tap_step, step;  ///< From one row, tap, output pixel to the next, in numbers of x.
};

/// sums[p][o] <- half(sums[p][o] + x * weight), tap by tap and channel by channel, for `pixels`
/// pixels: one instruction of AVX512-FP16 for each step, rounded once. Needs `has_float16`.
void sum_in_half(const HalfRow& row, Dim pixels, float* sums);

/// Whether this build has it: whether its compiler knew the instructions.
bool has_half_tiles();

}  // namespace mpsnn::cpu
