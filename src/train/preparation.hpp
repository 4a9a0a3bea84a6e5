#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpsnn/loader.hpp"

namespace mpsnn {

/// Turns one image of a dataset into one of a batch. Immutable.
class Preparation {
 public:
  /// @throws ShapeError naming what does not fit.
  Preparation(const Dataset& dataset, const LoaderOptions& options);

  DType dtype() const { return dtype_; }
  /// Writes image `index` as it is in `epoch`. `scratch` is grown to one image where it is needed.
  void image(int index, std::uint64_t epoch, std::byte* out, std::vector<std::byte>& scratch) const;

 private:
  /// What was drawn for one image.
  struct Draw {
    bool flip_horizontal = false, flip_vertical = false;
    Dim row = 0, column = 0;  ///< Of the first pixel, which is in the zeros where it is negative.
    float factor = 1, shift = 0;
  };

  void check_moves(const Dataset& dataset) const;
  void tile(const LoaderOptions& options, Dim channels);
  Draw draw(int index, std::uint64_t epoch) const;
  void move(const std::byte* x, const Draw& draw, std::byte* y) const;
  template <class X>
  void recolour(const X* x, float centre, const Draw& draw, std::byte* y) const;
  template <class X, class Y>
  void recolour_as(const X* x, float centre, const Draw& draw, Y* y) const;

  const Shape shape_;
  const std::byte* const images_;
  const DType stored_;
  DType dtype_;
  const Augmentation augmentation_;
  const std::uint64_t seed_;
  bool moves_ = false, jitters_ = false;
  std::vector<float> mean_, deviation_;  ///< Repeated, so that loops need no channel; or empty.
};

}  // namespace mpsnn
