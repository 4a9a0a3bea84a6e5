#include "metal_double/graph.hpp"

using metal_double::Filter;
using metal_double::refuse;
using mpsnn::Dim;
using mpsnn::Op;
using mpsnn::Shape;

namespace {

/// An op that a function makes of the sizes of the sources.
class FromSizes : public Filter {
 public:
  explicit FromSizes(std::function<Op(const std::vector<Shape>&)> make) : make_(std::move(make)) {}
  Op op(const std::vector<Shape>& sources) override { return make_(sources); }

 private:
  std::function<Op(const std::vector<Shape>&)> make_;
};

int count(NSUInteger n) { return static_cast<int>(n); }

}  // namespace

@implementation MPSNNConcatenationNode
+ (instancetype)nodeWithSources:(NSArray<MPSNNImageNode*>*)sources {
  return [[[self alloc] initWithSources:sources] autorelease];
}
- (instancetype)initWithSources:(NSArray<MPSNNImageNode*>*)sources {
  return [self initWithStandInSources:sources];
}
/// Side by side in channels, each from a slice of its own.
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<FromSizes>([](const std::vector<Shape>& sources) -> Op {
    for (std::size_t i = 0; i + 1 < sources.size(); ++i)
      if (sources[i][2] % 4)
        refuse(@"the stand-in does not join images with a hole behind %d channels",
               (int)sources[i][2]);
    return mpsnn::Concat{.axis = -1};
  });
}
@end

@implementation MPSNNReshapeNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                   resultWidth:(NSUInteger)resultWidth
                  resultHeight:(NSUInteger)resultHeight
         resultFeatureChannels:(NSUInteger)resultFeatureChannels {
  return [[[self alloc] initWithSource:source
                           resultWidth:resultWidth
                          resultHeight:resultHeight
                 resultFeatureChannels:resultFeatureChannels] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                   resultWidth:(NSUInteger)resultWidth
                  resultHeight:(NSUInteger)resultHeight
         resultFeatureChannels:(NSUInteger)resultFeatureChannels {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _width = resultWidth;
  _height = resultHeight;
  _channels = resultFeatureChannels;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  const Shape to{static_cast<Dim>(_height), static_cast<Dim>(_width), static_cast<Dim>(_channels)};
  return std::make_shared<FromSizes>([to](const auto&) -> Op { return mpsnn::Reshape{to}; });
}
@end

@implementation MPSNNPadNode
@synthesize fillValue = _fillValue;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
             paddingSizeBefore:(MPSImageCoordinate)paddingSizeBefore
              paddingSizeAfter:(MPSImageCoordinate)paddingSizeAfter
                      edgeMode:(MPSImageEdgeMode)edgeMode {
  return [[[self alloc] initWithSource:source
                     paddingSizeBefore:paddingSizeBefore
                      paddingSizeAfter:paddingSizeAfter
                              edgeMode:edgeMode] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
             paddingSizeBefore:(MPSImageCoordinate)paddingSizeBefore
              paddingSizeAfter:(MPSImageCoordinate)paddingSizeAfter
                      edgeMode:(MPSImageEdgeMode)edgeMode {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _before = paddingSizeBefore;
  _after = paddingSizeAfter;
  _edgeMode = edgeMode;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  using Mode = mpsnn::Pad::Mode;
  static const Mode modes[] = {Mode::constant, Mode::clamp, Mode::mirror, Mode::mirror_with_edge,
                               Mode::constant};
  const mpsnn::Pad op{.before = {count(_before.y), count(_before.x), count(_before.channel)},
                      .after = {count(_after.y), count(_after.x), count(_after.channel)},
                      .mode = modes[_edgeMode],
                      .value = _edgeMode == MPSImageEdgeModeConstant ? _fillValue : 0};
  return std::make_shared<FromSizes>([op](const auto&) -> Op { return op; });
}
@end

@implementation MPSNNUnaryReductionNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  return [self initWithStandInSources:[NSArray arrayWithObject:source]];
}
@end

@implementation MPSNNReductionSpatialMeanNode
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<FromSizes>([](const auto&) -> Op {
    return mpsnn::Reduce{.kind = mpsnn::Reduce::Kind::mean, .axes = 3, .keep_axes = true};
  });
}
@end

@implementation MPSNNGramMatrixCalculationNode
@synthesize alpha = _alpha;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source alpha:(float)alpha {
  return [[[self alloc] initWithSource:source alpha:alpha] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source alpha:(float)alpha {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _alpha = alpha;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  const mpsnn::GramMatrix op{_alpha};
  return std::make_shared<FromSizes>([op](const auto&) -> Op { return op; });
}
@end

@implementation MPSCNNUpsamplingNearestNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY {
  return [[[self alloc] initWithSource:source
                   integerScaleFactorX:integerScaleFactorX
                   integerScaleFactorY:integerScaleFactorY] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _x = integerScaleFactorX;
  _y = integerScaleFactorY;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<FromSizes>([x = count(_x), y = count(_y)](const auto& from) -> Op {
    return mpsnn::Resize{{static_cast<int>(from[0][0]) * y, static_cast<int>(from[0][1]) * x}};
  });
}
@end

@implementation MPSCNNUpsamplingBilinearNode
@synthesize alignCorners = _alignCorners;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY
                  alignCorners:(BOOL)alignCorners {
  return [[[self alloc] initWithSource:source
                   integerScaleFactorX:integerScaleFactorX
                   integerScaleFactorY:integerScaleFactorY
                          alignCorners:alignCorners] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
           integerScaleFactorX:(NSUInteger)integerScaleFactorX
           integerScaleFactorY:(NSUInteger)integerScaleFactorY
                  alignCorners:(BOOL)alignCorners {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _x = integerScaleFactorX;
  _y = integerScaleFactorY;
  _alignCorners = alignCorners;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  using Coordinates = mpsnn::Resize::Coordinates;
  const auto at = _alignCorners ? Coordinates::align_corners : Coordinates::asymmetric;
  return std::make_shared<FromSizes>([x = count(_x), y = count(_y), at](const auto& from) -> Op {
    return mpsnn::Resize{{static_cast<int>(from[0][0]) * y, static_cast<int>(from[0][1]) * x},
                         mpsnn::Resize::Mode::bilinear,
                         at};
  });
}
@end
