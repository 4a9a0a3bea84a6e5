#pragma once

#include "mpsnn/shape.hpp"

/// Products of x with a weight in float32 as it lies, (out, in), for so few rows of x that reading
/// the weight is what takes the time: it is read row by row, in order, and no copy is made.
namespace mpsnn::cpu {

/// y = x times rows of a weight. Groups are of four rows of the weight, which lie `apart` rows from
/// each other; so do their results in y.
struct Dots {
  static constexpr Dim most_rows = 4;  ///< Of x.
  static constexpr Dim least_in = 16;  ///< A register.

  const float* weight;
  Dim in, apart;
  const float* x;  ///< (rows, in)
  Dim rows, x_stride;
  float* y;  ///< (rows, out)
  Dim y_stride;

  /// Of groups that begin at rows `begin`, `begin + step` and so on before `end`, by one thread.
  void run(Dim begin, Dim end, Dim step) const;
};

/// All of y (rows, out), on all threads.
void few_dots(const float* weight, Dim out, Dim in, const float* x, Dim rows, float* y);

}  // namespace mpsnn::cpu
