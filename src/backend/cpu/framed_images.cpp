#include "backend/cpu/framed_images.hpp"

#include <algorithm>

namespace mpsnn::cpu {
namespace {

Dim floor_divide(Dim a, Dim b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

FramedImages::Axis::Axis(const ConvAxis& axis) : stride(axis.stride), fine(axis.fine) {
  Dim least = 0, most = 0, real = axis.coarse;
  for (Dim tap = 0; tap < axis.kernel; ++tap) {
    const Dim at = tap * axis.dilation - axis.before, s = floor_divide(at, stride);
    shift.push_back(s);
    phase.push_back(at - s * stride);
    least = std::min(least, s);
    most = std::max(most, s);
    real = std::max(real, (fine - phase.back() + stride - 1) / stride);
  }
  before = -least;
  after = most;
  // What is in front of one row is what is behind the row before it: zeros.
  read = axis.coarse + after;
  extent = std::max(read, std::min(real, read) + before);
}

FramedImages::FramedImages(const ConvGeometry& g)
    : h_(g.h),
      w_(g.w),
      before_(h_.before * w_.extent + w_.before),
      after_(h_.after * w_.extent + w_.after),
      coarse_(coarse_map(g.h.coarse, g.w.coarse)) {
  for (std::size_t a = 0; a < h_.shift.size(); ++a) {
    for (std::size_t b = 0; b < w_.shift.size(); ++b)
      taps_.push_back(
          {phase_of(h_.phase[a], w_.phase[b]), before_ + h_.shift[a] * w_.extent + w_.shift[b]});
  }
}

std::size_t FramedImages::phase_of(Dim h, Dim w) {
  const auto same = [&](const Phase& p) { return p.h == h && p.w == w; };
  const auto found = std::ranges::find_if(phases_, same);
  if (found != phases_.end()) return found - phases_.begin();
  phases_.push_back({h, w, fine_map(h, w)});
  return phases_.size() - 1;
}

FramedMap FramedImages::coarse_map(Dim rows, Dim columns) const {
  FramedMap out{std::vector<std::int32_t>(size(), -1), rows * columns};
  for (Dim r = 0; r < rows; ++r) {
    for (Dim c = 0; c < columns; ++c)
      out.pixel[r * w_.extent + c] = static_cast<std::int32_t>(r * columns + c);
  }
  return out;
}

FramedMap FramedImages::fine_map(Dim phase_h, Dim phase_w) const {
  FramedMap out{std::vector<std::int32_t>(size(), -1), h_.fine * w_.fine};
  for (Dim r = 0; r < h_.read && r * h_.stride + phase_h < h_.fine; ++r) {
    for (Dim c = 0; c < w_.read && c * w_.stride + phase_w < w_.fine; ++c) {
      const Dim pixel = (r * h_.stride + phase_h) * w_.fine + c * w_.stride + phase_w;
      out.pixel[r * w_.extent + c] = static_cast<std::int32_t>(pixel);
    }
  }
  return out;
}

}  // namespace mpsnn::cpu
