#pragma once

#include <cmath>
#include <string_view>

#include "mpsnn/errors.hpp"
#include "mpsnn/graph.hpp"

/// What the kernels of the recurrent ops share, on any backend.
namespace mpsnn::recurrent {

/// Extents of a recurrent op, and where its inputs are. A gradient node reads dy, then the same
/// inputs in the same order, then what is saved of the outputs: y, gates, cells; then dh, dc. It
/// writes the gradient of each input but the lengths, in that order.
struct Layout {
  Layout(const Op& op, const Shape& x, const Shape& weight);

  Dim T, I, H;
  Dim gates;  ///< Blocks of H rows in the weights.
  Dim saved;  ///< Blocks of H values per step in the output `gates`.
  bool reverse = false;
  int bias = 3;
  int extra = -1;  ///< peephole or recurrent_bias; -1: the op has none.
  int initial_h = 4, initial_c = -1, lengths = 5;
  int inputs = 6;
  int outputs = 2;  ///< Saved ones: y, gates, cells.

  /// The step that comes `i`-th in a sequence of `length` steps.
  Dim step(Dim i, Dim length) const { return reverse ? length - 1 - i : i; }
};

/// The steps of image `n`: as bound, or T.
/// @throws ShapeError unless that is a whole number from 0 to T.
template <class Number>
Dim length_of(const Number* lengths, Dim n, Dim T, std::string_view op) {
  if (!lengths) return T;
  const double length = lengths[n];
  if (!(length >= 0 && length <= static_cast<double>(T)) || length != std::floor(length))
    throw ShapeError(str(op, ": lengths must be whole numbers from 0 to ", T, ", got ", length,
                         " for image ", n));
  return static_cast<Dim>(length);
}

/// u = (1 - z^p)^(1/p) and du/dz, of Gru and Mgu; the slope is 0 where it would be infinite.
template <class T>
struct Complement {
  T p;
  T value(T z) const { return p == 1 ? 1 - z : std::pow(1 - std::pow(z, p), 1 / p); }
  T slope(T z) const {
    if (p == 1) return -1;
    const T rest = 1 - std::pow(z, p);
    if (rest <= 0 || (z == 0 && p < 1)) return 0;
    return -std::pow(z, p - 1) * std::pow(rest, 1 / p - 1);
  }
};

}  // namespace mpsnn::recurrent
