#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "mpsnn/ops.hpp"

/// Where the sampling ops read: the one place that knows positions, weights and edges.
namespace mpsnn {

/// The two pixels of one axis on either side of a position, and how much each counts.
struct Taps {
  std::array<Dim, 2> index{};  ///< Inside the image, whatever the position.
  std::array<double, 2> weight{};
  std::array<double, 2> slope{};  ///< The derivative of `weight` by the position.
};

/// What lies outside of an axis: `zero` pixels of 0, `clamp` the edge pixel, `cut` nothing,
/// so that a position beyond the outermost pixel has no weight at all.
enum class Outside : std::uint8_t { zero, clamp, cut };

/// A NaN reads nothing: its weights are NaN, and so is what they give.
inline Taps taps(double position, Dim extent, Outside outside) {
  const double last = static_cast<double>(extent - 1);
  if (std::isnan(position)) return {{}, {position, position}, {}};
  const bool beyond = position < 0 || position > last;
  if (beyond && outside == Outside::cut) return {};
  // Far away is as good as just outside, and fits a Dim.
  const double p = outside == Outside::clamp ? std::clamp(position, 0.0, last)
                                             : std::clamp(position, -2.0, last + 2);
  const double floor = std::floor(p);
  Taps t{{static_cast<Dim>(floor), static_cast<Dim>(floor) + 1}, {1 - (p - floor), p - floor}, {}};
  if (outside != Outside::clamp || (position > 0 && position < last)) t.slope = {-1, 1};
  for (int i = 0; i < 2; ++i) {
    if (t.index[i] >= 0 && t.index[i] < extent) continue;
    t.index[i] = 0;
    t.weight[i] = t.slope[i] = 0;
  }
  return t;
}

/// Pixel `i` of a resized axis, `in` to `out` pixels. Positions are fractions of integers,
/// so that no rounding moves one to another pixel.
inline Taps resize_taps(const Resize& op, Dim i, Dim in, Dim out) {
  const bool nearest = op.mode == Resize::Mode::nearest;
  Dim over = i * in, under = out;  // the position
  if (op.coordinates == Resize::Coordinates::align_corners) {
    over = i * (in - 1);
    under = std::max<Dim>(1, out - 1);
  } else if (op.coordinates == Resize::Coordinates::half_pixel) {
    over = (2 * i + 1) * in - (nearest ? 0 : out);  // nearest: of the position + 1/2
    under = 2 * out;
  }
  if (nearest) return {{over / under, 0}, {1, 0}, {}};
  over = std::clamp<Dim>(over, 0, (in - 1) * under);
  const Dim low = over / under;
  const double rest = static_cast<double>(over % under) / static_cast<double>(under);
  return {{low, std::min(low + 1, in - 1)}, {1 - rest, rest}, {}};
}

/// The four pixels around a position.
struct Sample {
  Taps h, w;

  /// Calls f(pixel, weight, derivative of weight by the vertical and the horizontal position)
  /// for each pixel, counted in rows of W, that any of these is not 0 for.
  template <class F>
  void each(Dim W, const F& f) const {
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const double weight = h.weight[i] * w.weight[j];
        const double by_h = h.slope[i] * w.weight[j], by_w = h.weight[i] * w.slope[j];
        if (weight != 0 || by_h != 0 || by_w != 0)
          f(h.index[i] * W + w.index[j], weight, by_h, by_w);
      }
  }
};

/// The points that one image is read at, for each op: `points` of them, from `coordinates`
/// numbers. `at` is where point `p` reads; `add` adds the derivative of one by its position,
/// to those of the coordinates.
struct ResizePoints {
  static constexpr Dim coordinates = 0;
  Dim H, W, points;
  std::vector<Taps> rows, columns;

  ResizePoints(const Resize& op, const Shape& x, const Shape& y)
      : H(x[0]), W(x[1]), points(y[0] * y[1]) {
    for (Dim i = 0; i < y[0]; ++i) rows.push_back(resize_taps(op, i, H, y[0]));
    for (Dim i = 0; i < y[1]; ++i) columns.push_back(resize_taps(op, i, W, y[1]));
  }

  template <class T>
  Sample at(const T*, Dim p) const {
    const auto width = static_cast<Dim>(columns.size());
    return {rows[p / width], columns[p % width]};
  }
  template <class T>
  void add(T*, Dim, double, double) const {}
};

struct GridPoints {
  GridSample op;
  Dim H, W, points, coordinates;

  GridPoints(const GridSample& op_, const Shape& x, const Shape& y)
      : op(op_), H(x[0]), W(x[1]), points(y[0] * y[1]), coordinates(2 * points) {}

  template <class T>
  Sample at(const T* grid, Dim p) const {
    return {axis(grid[2 * p + 1], H), axis(grid[2 * p], W)};
  }
  template <class T>
  void add(T* grid, Dim p, double by_h, double by_w) const {
    grid[2 * p] += static_cast<T>(by_w * scale(W));
    grid[2 * p + 1] += static_cast<T>(by_h * scale(H));
  }

 private:
  double scale(Dim extent) const { return 0.5 * static_cast<double>(extent - op.align_corners); }
  Taps axis(double coordinate, Dim extent) const {
    const double middle = 0.5 * static_cast<double>(extent - 1);
    return taps(coordinate * scale(extent) + middle, extent,
                op.edge == Edge::zero ? Outside::zero : Outside::clamp);
  }
};

struct BoxPoints {
  Size2 size;
  Dim H, W, points, coordinates;

  BoxPoints(const CropAndResize& op, const Shape& x, const Shape& y)
      : size(op.size), H(x[0]), W(x[1]), points(y[0] * y[1] * y[2]), coordinates(4 * y[0]) {}

  template <class T>
  Sample at(const T* boxes, Dim p) const {
    const T* box = boxes + p / (Dim{size.h} * size.w) * 4;
    return {axis(box[0], box[2], p / size.w % size.h, size.h, H),
            axis(box[1], box[3], p % size.w, size.w, W)};
  }
  template <class T>
  void add(T* boxes, Dim p, double by_h, double by_w) const {
    T* box = boxes + p / (Dim{size.h} * size.w) * 4;
    const Ends h(p / size.w % size.h, size.h, H), w(p % size.w, size.w, W);
    box[0] += static_cast<T>(by_h * h.first / h.under);
    box[1] += static_cast<T>(by_w * w.first / w.under);
    box[2] += static_cast<T>(by_h * h.last / h.under);
    box[3] += static_cast<T>(by_w * w.last / w.under);
  }

 private:
  /// Position = (first * first side + last * last side) / under. The products come before
  /// the quotient, so that a box inside the image never rounds to a position outside.
  struct Ends {
    double first, last, under;

    Ends(Dim i, Dim n, Dim extent)
        : first(static_cast<double>((n > 1 ? n - 1 - i : 1) * (extent - 1))),
          last(static_cast<double>((n > 1 ? i : 1) * (extent - 1))),
          under(static_cast<double>(n > 1 ? n - 1 : 2)) {}
  };

  static Taps axis(double first, double last, Dim i, Dim n, Dim extent) {
    const Ends ends(i, n, extent);
    return taps((first * ends.first + last * ends.last) / ends.under, extent, Outside::cut);
  }
};

}  // namespace mpsnn
