#pragma once

#include <vector>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/conv_geometry.hpp"

/// The images of a convolution in one row of pixels, each with a frame of zeros, so that a tap
/// joins pixels at one and the same distance.
namespace mpsnn::cpu {

/// Where the pixels of a framed image lie in the one without: -1 is a pixel of the frame.
struct FramedMap {
  std::vector<std::int32_t> pixel;
  Dim pixels;  ///< Of the image without a frame.
};

class FramedImages {
 public:
  /// The pixels (row * stride + h, column * stride + w) of the fine image.
  struct Phase {
    Dim h, w;
    FramedMap map;
  };
  struct Tap {
    std::size_t phase;
    Dim distance;  ///< From `before` pixels in front of the first one to what the tap joins with
                   ///< it.
  };

  explicit FramedImages(const ConvGeometry& g);

  /// Pixels of an image with its frame.
  Dim size() const { return h_.extent * w_.extent; }
  /// Pixels in front of the first one that a tap may read, and those with as many behind the last.
  Dim before() const { return before_; }
  Dim reach() const { return before_ + after_; }
  const FramedMap& coarse() const { return coarse_; }
  const std::vector<Phase>& phases() const { return phases_; }  ///< That taps read.
  const std::vector<Tap>& taps() const { return taps_; }

 private:
  /// One axis: a tap reads pixel `coarse + shift` of phase `phase` of the fine image.
  struct Axis {
    std::vector<Dim> shift, phase;
    Dim stride, fine, before, after;
    Dim read;    ///< Pixels of a phase that any tap reads, from the first one on.
    Dim extent;  ///< With the frame.

    explicit Axis(const ConvAxis& axis);
  };
  std::size_t phase_of(Dim h, Dim w);
  FramedMap coarse_map(Dim rows, Dim columns) const;
  FramedMap fine_map(Dim phase_h, Dim phase_w) const;

  Axis h_, w_;
  Dim before_, after_;
  FramedMap coarse_;
  std::vector<Phase> phases_;
  std::vector<Tap> taps_;
};

/// Walks over the pixels of a batch, frames included.
class FramedWalk {
 public:
  /// From pixel `at` on, which may lie in front of the first one.
  FramedWalk(const FramedMap& map, Dim batch, Dim at)
      : map_(map),
        size_(static_cast<Dim>(map.pixel.size())),
        left_(batch * size_ - at),
        in_front_(std::max<Dim>(0, -at)),
        at_(std::max<Dim>(0, at) % size_),
        image_(std::max<Dim>(0, at) / size_ * map.pixels) {}

  /// The pixel among those of all images without frames; -1: of a frame, in front or behind.
  Dim next() {
    if (left_-- <= 0) return -1;
    if (in_front_ > 0) return --in_front_, -1;
    const std::int32_t pixel = map_.pixel[at_];
    const Dim found = pixel < 0 ? -1 : image_ + pixel;
    if (++at_ == size_) {
      at_ = 0;
      image_ += map_.pixels;
    }
    return found;
  }

 private:
  const FramedMap& map_;
  Dim size_, left_, in_front_, at_, image_;
};

/// The same, with the pixels' channels.
class FramedPixels {
 public:
  static constexpr Dim most_channels = 8192;

  FramedPixels(const FramedMap& map, const BFloat16* data, Dim channels, Dim batch, Dim at)
      : walk_(map, batch, at), data_(data), channels_(channels) {}
  /// Zeros where there is no pixel.
  const BFloat16* next() {
    static const BFloat16 zeros[most_channels] = {};
    const Dim pixel = walk_.next();
    return pixel < 0 ? zeros : data_ + pixel * channels_;
  }

 private:
  FramedWalk walk_;
  const BFloat16* data_;
  Dim channels_;
};

}  // namespace mpsnn::cpu
