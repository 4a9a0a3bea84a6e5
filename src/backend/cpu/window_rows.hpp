#pragma once

#include <vector>

#include "backend/cpu/bfloat16.hpp"
#include "ops/conv_geometry.hpp"

/// The windows of images with few channels, as first layers have them. A number of a window lies
/// for pixels of y that follow each other in numbers of x that do so too, once each channel, and
/// each phase of a stride, has a row of its own.
namespace mpsnn::cpu {

class WindowRows {
 public:
  static constexpr Dim most_numbers = 32;  ///< Of a window.
  static constexpr Dim most_channels = 4;
  static constexpr Dim unit = 32;  ///< Pixels that are read together, perhaps beyond the row.

  static bool suits(const ConvGeometry& g) {
    return !g.transposed && g.groups == 1 && g.C <= most_channels && g.taps() * g.C <= most_numbers;
  }

  explicit WindowRows(const ConvGeometry& g);

  Dim numbers() const { return static_cast<Dim>(offsets_.size()); }
  /// Numbers of the memory that a walk works in.
  std::size_t buffer_size() const { return (rows_ + 1) * row_size_ + split_size_; }

 private:
  friend class WindowWalk;

  Dim C_, width_, height_, stride_h_, stride_w_, dilation_, before_;
  Dim taps_;                  ///< In a column.
  Dim rows_;                  ///< Of x, from the first one that a row of y reads to the last one.
  Dim first_;                 ///< Column of x / stride at which the rows begin.
  Dim length_;                ///< Of a row of one channel and phase.
  Dim row_size_;              ///< Of all of them.
  Dim split_size_;            ///< For what lies between x and its phases.
  std::vector<Dim> offsets_;  ///< Of each number, in the rows of a row of x.
};

/// Goes through rows of y, downwards, and brings the rows of x that they read into that order.
class WindowWalk {
 public:
  WindowWalk(const WindowRows& rows, const BFloat16* x, BFloat16* buffer);

  /// To row r of image n, the next one or any below it.
  void move_to(Dim n, Dim r);
  /// Where each number of the windows lies for the first pixel of the row; behind the last one, for
  /// all of `most_numbers`, zeros.
  const BFloat16* const* numbers() const { return at_; }

 private:
  BFloat16* slot(Dim row) const { return buffer_ + row % rows_.rows_ * rows_.row_size_; }
  void split(Dim row) const;

  const WindowRows& rows_;
  const BFloat16* x_;
  BFloat16 *buffer_, *zeros_, *split_;
  Dim image_ = -1, next_ = 0;  ///< Image, and its first row that was not brought here yet.
  const BFloat16* at_[WindowRows::most_numbers];
};

}  // namespace mpsnn::cpu
