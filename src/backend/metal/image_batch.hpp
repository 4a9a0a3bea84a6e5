#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <vector>

#include "backend/metal/owned.hpp"
#include "mpsnn/shape.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// The image that holds a value of this shape, as height, width, channels: (H, W, C) is itself,
/// (T, C) one row, (K) one pixel, () one pixel with one channel.
/// @throws ShapeError if it has four axes.
Shape image_shape(const Shape& shape);

/// Of images of float16 or float32.
MPSImageFeatureChannelFormat channel_format(DType dtype);

/// Images for the values of a batch, made once and used again by every step. On the device a
/// pixel has its channels in slices of four; the host's side is NHWC without gaps, float32.
class ImageBatch {
 public:
  /// `format` is float16 or float32.
  ImageBatch(id<MTLDevice> device, const Shape& shape, DType format, int images);

  /// The first `count` of them.
  Owned<MPSImageBatch*> first(int count) const;
  MPSImage* at(int i) const { return [images_.get() objectAtIndex:static_cast<NSUInteger>(i)]; }
  /// @throws DeviceError unless this is what they are.
  void check(MPSImageDescriptor* descriptor) const;
  std::size_t bytes() const { return bytes_of([images_.get() count]); }
  /// Lets the host read the first `count` when the buffer has run.
  void synchronize(id<MTLCommandBuffer> buffer, int count) const;
  /// Copies `count` images in, rounding to the format.
  void write(const float* nhwc, int count);
  /// Copies `count` images out. The device must have finished with them, and managed memory be
  /// synchronised.
  void read(float* nhwc, int count);

 private:
  std::size_t bytes_of(std::size_t images) const;

  Shape shape_;
  DType format_;
  Owned<NSMutableArray<MPSImage*>*> images_;
  std::vector<_Float16> halves_;  // one image, on its way
};

}  // namespace mpsnn::metal
