#pragma once

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/winograd.hpp"

/// Points of tiles and filters rounded to bfloat16, two side by side: AVX512-BF16 adds to a float
/// the two products of a pair, in the time of one of floats. Rounded points of 6 x 6 tiles give a
/// result an error of 1.1 % (root mean square, of sums over 64 channels), where rounded weights
/// alone give 0.17 %, and so does rounding the result: too much for what the next layer reads, and
/// little beside how much gradients of one batch differ from those of the next. So they are for
/// gradients, and the way forward has 4 x 4 tiles, whose error is 0.34 %. At a side of 8 it
/// would be 4.5 %, so that 5 x 5 taps have points of float32.
namespace mpsnn::cpu::winograd {

struct Pair {
  BFloat16 first, second;
};

/// Numbers, or pairs of them, of planes, one a point.
template <class P = float>
struct Points {
  P* data;
  std::size_t plane;  ///< From a point to the next.
};

/// A product's left side: number, or pair, k of row i is data[i * row + k * step].
template <class P = float>
struct Rows {
  const P* data;
  std::size_t row, step;
};

/// Whether this build and processor have products of pairs.
bool has_pairs();

/// Lanes of some points.
template <int points>
struct alignas(64) Lanes {
  float numbers[points][lanes];

  Points<> all() { return {numbers[0], lanes}; }
};
/// Numbers side by side become pairs.
void pair_up(const float (*numbers)[lanes], int points, const Points<Pair>& to);
/// Each number becomes a pair with the one of the same place.
void pair_up(const float (*first)[lanes], const float (*second)[lanes], int points,
             const Points<Pair>& to);

/// to = left * right, or to += left * right, over pairs, for each row of `to`; rows are multiples
/// of 8, columns 16 or 32.
void multiply(const Rows<Pair>& left, const Pair* right, Dim depth, Dim rows, Dim columns, bool add,
              float* to);

}  // namespace mpsnn::cpu::winograd
