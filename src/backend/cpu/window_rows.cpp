#include "backend/cpu/window_rows.hpp"

#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

Dim floor_divide(Dim a, Dim b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// Each of n pixels' channels to a row of its own, `stride` apart.
template <int channels>
MPSNN_SIMD void split_channels(const BFloat16* x, Dim n, BFloat16* to, Dim stride) {
  const auto* from = &x->bits;
  for (int c = 0; c < channels; ++c) {
    auto* row = &(to + c * stride)->bits;
#pragma omp simd
    for (Dim i = 0; i < n; ++i) row[i] = from[i * channels + c];
  }
}

/// Every `stride`-th of the numbers.
MPSNN_SIMD void take(const BFloat16* from, Dim stride, Dim n, BFloat16* to) {
  auto* row = &to->bits;
  const auto* at = &from->bits;
  if (stride == 1) {
    std::copy_n(at, n, row);
  } else if (stride == 2) {
#pragma omp simd
    for (Dim i = 0; i < n; ++i) row[i] = at[2 * i];
  } else {
    for (Dim i = 0; i < n; ++i) row[i] = at[i * stride];
  }
}

using Split = void (*)(const BFloat16*, Dim, BFloat16*, Dim);
constexpr Split splits[WindowRows::most_channels] = {split_channels<1>, split_channels<2>,
                                                     split_channels<3>, split_channels<4>};

}  // namespace

WindowRows::WindowRows(const ConvGeometry& g)
    : C_(g.C),
      width_(g.w.fine),
      height_(g.h.fine),
      stride_h_(g.h.stride),
      stride_w_(g.w.stride),
      dilation_(g.h.dilation),
      before_(g.h.before),
      taps_(g.h.kernel),
      rows_((g.h.kernel - 1) * g.h.dilation + 1),
      first_(floor_divide(-g.w.before, stride_w_)) {
  const Dim last = floor_divide((g.w.kernel - 1) * g.w.dilation - g.w.before, stride_w_);
  length_ = (g.w.coarse + unit - 1) / unit * unit + last - first_;
  row_size_ = C_ * stride_w_ * length_;
  split_size_ = C_ * width_;
  for (Dim a = 0; a < g.h.kernel; ++a) {
    for (Dim b = 0; b < g.w.kernel; ++b) {
      const Dim column = b * g.w.dilation - g.w.before;
      const Dim at = floor_divide(column, stride_w_), phase = column - at * stride_w_;
      for (Dim c = 0; c < C_; ++c)
        offsets_.push_back((c * stride_w_ + phase) * length_ + at - first_);
    }
  }
}

WindowWalk::WindowWalk(const WindowRows& rows, const BFloat16* x, BFloat16* buffer)
    : rows_(rows),
      x_(x),
      buffer_(buffer),
      zeros_(buffer + rows.rows_ * rows.row_size_),
      split_(zeros_ + rows.row_size_) {
  std::fill_n(zeros_, rows.row_size_, BFloat16());
  std::fill_n(at_, WindowRows::most_numbers, zeros_);
}

void WindowWalk::move_to(Dim n, Dim r) {
  const Dim first = r * rows_.stride_h_ - rows_.before_;
  if (n != image_) next_ = 0;
  image_ = n;
  next_ = std::max(next_, first);
  for (const Dim end = std::min(first + rows_.rows_, rows_.height_); next_ < end; ++next_)
    split(next_);
  const Dim each = rows_.numbers() / rows_.taps_;
  for (Dim a = 0, k = 0; a < rows_.taps_; ++a) {
    const Dim row = first + a * rows_.dilation_;
    const bool inside = row >= 0 && row < rows_.height_;
    const BFloat16* begin = inside ? slot(row) : zeros_;
    for (const Dim end = k + each; k < end; ++k) at_[k] = begin + rows_.offsets_[k];
  }
}

void WindowWalk::split(Dim row) const {
  const Dim stride = rows_.stride_w_, width = rows_.width_;
  splits[rows_.C_ - 1](x_ + (image_ * rows_.height_ + row) * width * rows_.C_, width, split_,
                       width);
  BFloat16* to = slot(row);
  for (Dim c = 0; c < rows_.C_; ++c) {
    for (Dim phase = 0; phase < stride; ++phase, to += rows_.length_) {
      // Of pixels `place` * stride + phase, counted from `first_`.
      const Dim before = std::min(-rows_.first_, rows_.length_);
      const Dim inside = width > phase ? (width - phase - 1) / stride + 1 : 0;
      const Dim count = std::min(inside, rows_.length_ - before);
      std::fill_n(to, before, BFloat16());
      take(split_ + c * width + phase, stride, count, to + before);
      std::fill_n(to + before + count, rows_.length_ - before - count, BFloat16());
    }
  }
}

}  // namespace mpsnn::cpu
