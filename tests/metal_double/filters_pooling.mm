#include "metal_double/windowed.hpp"

using metal_double::dilation_of;
using metal_double::Filter;
using metal_double::stride_of;
using metal_double::window_of;
using mpsnn::Op;
using mpsnn::Shape;

namespace {

enum class Kind { max, average, l2 };

class Pooling : public metal_double::Windowed {
 public:
  Pooling(MPSNNFilterNode* node, MPSCNNKernel* kernel, Kind kind)
      : Windowed(node, kernel), kind_(kind) {
    kernel_.edgeMode = MPSImageEdgeModeClamp;  // as the nodes of a graph have it
  }
  Op op(const std::vector<Shape>& sources) override {
    const auto edge =
        kernel_.edgeMode == MPSImageEdgeModeZero ? mpsnn::Edge::zero : mpsnn::Edge::clamp;
    if (window_of(kernel_) == mpsnn::Size2{} && kind_ != Kind::l2) return cut(sources[0]);
    const mpsnn::Padding p = padding(sources[0]);
    if (kind_ == Kind::max)
      return mpsnn::MaxPool2d{window_of(kernel_), stride_of(kernel_), dilation_of(kernel_), p,
                              edge};
    if (kind_ == Kind::average)
      return mpsnn::AvgPool2d{window_of(kernel_), stride_of(kernel_), p, edge};
    return mpsnn::L2Pool2d{window_of(kernel_), stride_of(kernel_), p};
  }

 private:
  /// Of one pixel each, wherever the first is.
  Op cut(const Shape& source) const {
    const int y = static_cast<int>(kernel_.offset.y), x = static_cast<int>(kernel_.offset.x);
    const mpsnn::Size2 step = stride_of(kernel_);
    const int bottom = y + (static_cast<int>(height_) - 1) * step.h + 1;
    const int right = x + (static_cast<int>(width_) - 1) * step.w + 1;
    if (y < 0 || x < 0 || bottom > source[0] || right > source[1])
      metal_double::refuse(@"the stand-in pools pixels of the image alone");
    return mpsnn::Slice{
        {y, x, 0}, {bottom, right, static_cast<int>(source[2])}, {step.h, step.w, 1}};
  }

  Kind kind_;
};

std::shared_ptr<Filter> pooling(MPSNNFilterNode* node, id<MTLDevice> device, Kind kind,
                                const NSUInteger (&window)[6]) {
  MPSCNNKernel* kernel = [[[MPSCNNKernel alloc] initWithDevice:device] autorelease];
  [kernel setStandInWindow:window[0]
                     width:window[1]
                   strideY:window[2]
                   strideX:window[3]
                 dilationY:window[4]
                 dilationX:window[5]];
  return std::make_shared<Pooling>(node, kernel, kind);
}

}  // namespace

@implementation MPSCNNPoolingNode
@synthesize kernelWidth = _kernelWidth, kernelHeight = _kernelHeight;
@synthesize strideInPixelsX = _strideInPixelsX, strideInPixelsY = _strideInPixelsY;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   kernelWidth:(NSUInteger)kernelWidth
                  kernelHeight:(NSUInteger)kernelHeight
               strideInPixelsX:(NSUInteger)strideInPixelsX
               strideInPixelsY:(NSUInteger)strideInPixelsY {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _kernelWidth = kernelWidth;
  _kernelHeight = kernelHeight;
  _strideInPixelsX = strideInPixelsX;
  _strideInPixelsY = strideInPixelsY;
  return self;
}
- (std::shared_ptr<Filter>)standInPooling:(id<MTLDevice>)device kind:(int)kind {
  return pooling(self, device, static_cast<Kind>(kind),
                 {_kernelHeight, _kernelWidth, _strideInPixelsY, _strideInPixelsX, 1, 1});
}
@end

@implementation MPSCNNPoolingMaxNode
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return [self standInPooling:device kind:static_cast<int>(Kind::max)];
}
@end

@implementation MPSCNNPoolingAverageNode
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return [self standInPooling:device kind:static_cast<int>(Kind::average)];
}
@end

@implementation MPSCNNPoolingL2NormNode
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return [self standInPooling:device kind:static_cast<int>(Kind::l2)];
}
@end

@implementation MPSCNNDilatedPoolingMaxNode
@synthesize dilationRateX = _dilationRateX, dilationRateY = _dilationRateY;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   kernelWidth:(NSUInteger)kernelWidth
                  kernelHeight:(NSUInteger)kernelHeight
               strideInPixelsX:(NSUInteger)strideInPixelsX
               strideInPixelsY:(NSUInteger)strideInPixelsY
                 dilationRateX:(NSUInteger)dilationRateX
                 dilationRateY:(NSUInteger)dilationRateY {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _kernelWidth = kernelWidth;
  _kernelHeight = kernelHeight;
  _strideInPixelsX = strideInPixelsX;
  _strideInPixelsY = strideInPixelsY;
  _dilationRateX = dilationRateX;
  _dilationRateY = dilationRateY;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return pooling(self, device, Kind::max,
                 {_kernelHeight, _kernelWidth, _strideInPixelsY, _strideInPixelsX, _dilationRateY,
                  _dilationRateX});
}
@end
