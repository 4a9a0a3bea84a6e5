#include "metal_double/graph.hpp"

using metal_double::Filter;
using mpsnn::Op;
using mpsnn::Shape;

namespace {

class Fixed : public Filter {
 public:
  explicit Fixed(Op op) : op_(std::move(op)) {}
  Op op(const std::vector<Shape>&) override { return op_; }

 private:
  Op op_;
};

}  // namespace

@implementation MPSCNNNormalizationNode
@synthesize alpha = _alpha, beta = _beta, delta = _delta;
@end

@implementation MPSCNNSpatialNormalizationNode
@synthesize kernelWidth = _kernelWidth, kernelHeight = _kernelHeight;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _alpha = _delta = 1;
  _beta = 5;
  _kernelWidth = _kernelHeight = 5;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(mpsnn::SpatialNorm{
      {static_cast<int>(_kernelHeight), static_cast<int>(_kernelWidth)}, _alpha, _beta, _delta});
}
@end

@implementation MPSCNNLocalContrastNormalizationNode
@synthesize kernelWidth = _kernelWidth, kernelHeight = _kernelHeight, p0 = _p0, pm = _pm, ps = _ps;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _alpha = 1;
  _beta = 0.5f;
  _delta = 1.0f / 1024;
  _p0 = _ps = 1;
  _kernelWidth = _kernelHeight = 5;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(
      mpsnn::LocalContrastNorm{{static_cast<int>(_kernelHeight), static_cast<int>(_kernelWidth)},
                               _alpha,
                               _beta,
                               _delta,
                               _p0,
                               _pm,
                               _ps});
}
@end

@implementation MPSCNNCrossChannelNormalizationNode
@synthesize kernelSizeInFeatureChannels = _kernelSizeInFeatureChannels;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _alpha = _delta = 1;
  _beta = 5;
  _kernelSizeInFeatureChannels = 5;
  return self;
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(mpsnn::CrossChannelNorm{
      static_cast<int>(_kernelSizeInFeatureChannels), _alpha, _beta, _delta});
}
@end
