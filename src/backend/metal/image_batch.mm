#include "backend/metal/image_batch.hpp"

#include <algorithm>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

Shape image_shape(const Shape& shape) {
  switch (shape.rank()) {
    case 0:
      return {1, 1, 1};
    case 1:
      return {1, 1, shape[0]};
    case 2:
      return {1, shape[0], shape[1]};
    case 3:
      return shape;
    default:
      throw ShapeError(str("metal: a value of four axes, ", shape, ", is no image"));
  }
}

MPSImageFeatureChannelFormat channel_format(DType dtype) {
  return dtype == DType::float16 ? MPSImageFeatureChannelFormatFloat16
                                 : MPSImageFeatureChannelFormatFloat32;
}

ImageBatch::ImageBatch(id<MTLDevice> device, const Shape& shape, DType format, int images)
    : shape_(image_shape(shape)), format_(format), images_(adopt([[NSMutableArray alloc] init])) {
  const bool half = format == DType::float16;
  if (!half && format != DType::float32)
    throw ShapeError(str("metal: images are float16 or float32, got ", format));
  const std::size_t needed = bytes_of(images);
  if (needed > [device recommendedMaxWorkingSetSize])
    throw DeviceError(str("not enough memory: ", needed, " bytes needed for ", images, " images ",
                          shape_, ", the GPU has ", [device recommendedMaxWorkingSetSize]));
  MPSImageDescriptor* descriptor =
      [MPSImageDescriptor imageDescriptorWithChannelFormat:channel_format(format)
                                                     width:shape_[1]
                                                    height:shape_[0]
                                           featureChannels:shape_[2]];
  for (int i = 0; i < images; ++i) {
    const auto image = adopt([[MPSImage alloc] initWithDevice:device imageDescriptor:descriptor]);
    if (!image) throw DeviceError(str("not enough memory: ", needed, " bytes needed"));
    [images_.get() addObject:image];
  }
  if (half) halves_.resize(shape_.size());
}

Owned<MPSImageBatch*> ImageBatch::first(int count) const {
  return keep<MPSImageBatch*>(
      [images_.get() subarrayWithRange:NSMakeRange(0, static_cast<NSUInteger>(count))]);
}

void ImageBatch::check(MPSImageDescriptor* descriptor) const {
  MPSImage* image = at(0);
  if (descriptor.width != image.width || descriptor.height != image.height ||
      descriptor.featureChannels != image.featureChannels ||
      descriptor.channelFormat != image.featureChannelFormat)
    throw DeviceError(str("metal: the graph makes (", descriptor.height, ", ", descriptor.width,
                          ", ", descriptor.featureChannels, ") of format ",
                          descriptor.channelFormat, " where ", shape_, ' ', format_,
                          " was expected"));
}

std::size_t ImageBatch::bytes_of(std::size_t images) const {
  const Dim slices = (shape_[2] + 3) / 4;  // four channels each
  return images * shape_[0] * shape_[1] * slices * 4 * size_of(format_);
}

void ImageBatch::synchronize(id<MTLCommandBuffer> buffer, int count) const {
  for (int i = 0; i < count; ++i) [at(i) synchronizeOnCommandBuffer:buffer];
}

void ImageBatch::write(const float* nhwc, int count) {
  for (int i = 0; i < count; ++i) {
    const float* from = nhwc + i * shape_.size();
    const void* bytes = from;  // of the format
    if (format_ == DType::float16) {
      std::transform(from, from + shape_.size(), halves_.begin(),
                     [](float x) { return static_cast<_Float16>(x); });
      bytes = halves_.data();
    }
    [[images_.get() objectAtIndex:i] writeBytes:bytes
                                     dataLayout:MPSDataLayoutHeightxWidthxFeatureChannels
                                     imageIndex:0];
  }
}

void ImageBatch::read(float* nhwc, int count) {
  for (int i = 0; i < count; ++i) {
    float* to = nhwc + i * shape_.size();
    const bool half = format_ == DType::float16;
    [[images_.get() objectAtIndex:i] readBytes:half ? static_cast<void*>(halves_.data()) : to
                                    dataLayout:MPSDataLayoutHeightxWidthxFeatureChannels
                                    imageIndex:0];
    if (half) std::ranges::copy(halves_, to);
  }
}

}  // namespace mpsnn::metal
