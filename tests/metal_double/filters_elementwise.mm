#include "metal_double/graph.hpp"
#include "metal_double/neuron.hpp"

using metal_double::Filter;
using metal_double::refuse;
using mpsnn::Dim;
using mpsnn::Neuron;
using mpsnn::Op;
using mpsnn::Shape;

namespace {

/// An op that depends on no size.
class Fixed : public Filter {
 public:
  explicit Fixed(Op op) : op_(std::move(op)) {}
  Op op(const std::vector<Shape>&) override { return op_; }

 private:
  Op op_;
};

}  // namespace

namespace metal_double {

Neuron neuron_of(MPSNNNeuronDescriptor* d) {
  using Kind = Neuron::Kind;
  if (d == nil || d.neuronType == MPSCNNNeuronTypeNone) return {Kind::linear, 1, 0, 0};
  static const std::map<MPSCNNNeuronType, Kind> kinds = {
      {MPSCNNNeuronTypeReLU, Kind::relu},
      {MPSCNNNeuronTypeLinear, Kind::linear},
      {MPSCNNNeuronTypeSigmoid, Kind::sigmoid},
      {MPSCNNNeuronTypeHardSigmoid, Kind::hard_sigmoid},
      {MPSCNNNeuronTypeTanH, Kind::tanh},
      {MPSCNNNeuronTypeAbsolute, Kind::abs},
      {MPSCNNNeuronTypeSoftPlus, Kind::softplus},
      {MPSCNNNeuronTypeSoftSign, Kind::softsign},
      {MPSCNNNeuronTypeELU, Kind::elu},
      {MPSCNNNeuronTypeReLUN, Kind::relu_n},
      {MPSCNNNeuronTypePower, Kind::power},
      {MPSCNNNeuronTypeExponential, Kind::exponential},
      {MPSCNNNeuronTypeLogarithm, Kind::logarithm},
      {MPSCNNNeuronTypeGeLU, Kind::gelu},
  };
  const auto it = kinds.find(d.neuronType);
  if (it == kinds.end()) refuse(@"the stand-in has no neuron of type %d", (int)d.neuronType);
  return {it->second, d.a, d.b, d.c};
}

}  // namespace metal_double

using metal_double::neuron_of;

@implementation MPSNNNeuronDescriptor
@synthesize neuronType = _neuronType, a = _a, b = _b, c = _c;
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type
                                                    a:(float)a
                                                    b:(float)b
                                                    c:(float)c {
  MPSNNNeuronDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor.neuronType = type;
  descriptor.a = a;
  descriptor.b = b;
  descriptor.c = c;
  return descriptor;
}
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type {
  return [self cnnNeuronDescriptorWithType:type a:0 b:0 c:0];
}
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type a:(float)a {
  return [self cnnNeuronDescriptorWithType:type a:a b:0 c:0];
}
+ (MPSNNNeuronDescriptor*)cnnNeuronDescriptorWithType:(MPSCNNNeuronType)type a:(float)a b:(float)b {
  return [self cnnNeuronDescriptorWithType:type a:a b:b c:0];
}
@end

@implementation MPSCNNNeuronNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                    descriptor:(MPSNNNeuronDescriptor*)descriptor {
  MPSCNNNeuronNode* node =
      [[[self alloc] initWithStandInSources:[NSArray arrayWithObject:source]] autorelease];
  node->_descriptor = [descriptor retain];
  return node;
}
- (void)dealloc {
  [_descriptor release];
  [super dealloc];
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(neuron_of(_descriptor));
}
@end

@implementation MPSCNNSoftMaxNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  return [self initWithStandInSources:[NSArray arrayWithObject:source]];
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(mpsnn::Softmax{});
}
@end

@implementation MPSCNNLogSoftMaxNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source {
  return [[[self alloc] initWithSource:source] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source {
  return [self initWithStandInSources:[NSArray arrayWithObject:source]];
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return std::make_shared<Fixed>(mpsnn::LogSoftmax{});
}
@end

@implementation MPSNNBinaryArithmeticNode
@synthesize primaryScale = _primaryScale, secondaryScale = _secondaryScale, bias = _bias;
@synthesize minimumValue = _minimumValue, maximumValue = _maximumValue;
@synthesize primaryStrideInPixelsX = _primaryStrideInPixelsX;
@synthesize primaryStrideInPixelsY = _primaryStrideInPixelsY;
@synthesize primaryStrideInFeatureChannels = _primaryStrideInFeatureChannels;
@synthesize secondaryStrideInPixelsX = _secondaryStrideInPixelsX;
@synthesize secondaryStrideInPixelsY = _secondaryStrideInPixelsY;
@synthesize secondaryStrideInFeatureChannels = _secondaryStrideInFeatureChannels;
+ (instancetype)nodeWithLeftSource:(MPSNNImageNode*)left rightSource:(MPSNNImageNode*)right {
  return [[[self alloc] initWithLeftSource:left rightSource:right] autorelease];
}
- (instancetype)initWithLeftSource:(MPSNNImageNode*)left rightSource:(MPSNNImageNode*)right {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObjects:left, right, nil]]))
    return nil;
  _primaryScale = _secondaryScale = 1;
  _minimumValue = -std::numeric_limits<float>::infinity();
  _maximumValue = std::numeric_limits<float>::infinity();
  _primaryStrideInPixelsX = _primaryStrideInPixelsY = _primaryStrideInFeatureChannels = 1;
  _secondaryStrideInPixelsX = _secondaryStrideInPixelsY = _secondaryStrideInFeatureChannels = 1;
  return self;
}
- (mpsnn::Arithmetic::Kind)standInKind {
  refuse(@"%@ has no kernel", [self class]);
}
/// A stride of 0 repeats what there is one of; 1 reads what there are as many of as in the result.
- (void)standInCheckStride:(NSUInteger)stride extent:(Dim)extent of:(Dim)result {
  if (stride == 0 ? extent != 1 : extent != result || stride != 1)
    refuse(@"%@: a stride of %d over %d for a result of %d", [self class], (int)stride, (int)extent,
           (int)result);
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  class Binary : public Fixed {
   public:
    Binary(MPSNNBinaryArithmeticNode* node, Op op) : Fixed(std::move(op)), node_(node) {}
    Shape result(const std::vector<Shape>& sources) override {
      const Shape out = Fixed::result(sources);
      const NSUInteger strides[2][3] = {
          {node_.primaryStrideInPixelsY, node_.primaryStrideInPixelsX,
           node_.primaryStrideInFeatureChannels},
          {node_.secondaryStrideInPixelsY, node_.secondaryStrideInPixelsX,
           node_.secondaryStrideInFeatureChannels}};
      for (int side = 0; side < 2; ++side)
        for (int axis = 0; axis < 3; ++axis)
          [node_ standInCheckStride:strides[side][axis] extent:sources[side][axis] of:out[axis]];
      return out;
    }

   private:
    MPSNNBinaryArithmeticNode* node_;
  };
  mpsnn::Arithmetic op{.kind = [self standInKind],
                       .primary_scale = _primaryScale,
                       .secondary_scale = _secondaryScale,
                       .bias = _bias,
                       .low = _minimumValue,
                       .high = _maximumValue};
  return std::make_shared<Binary>(self, op);
}
@end

#define STAND_IN_KIND(class_name, kind_name)   \
  @implementation class_name                   \
  -(mpsnn::Arithmetic::Kind)standInKind {      \
    return mpsnn::Arithmetic::Kind::kind_name; \
  }                                            \
  @end
STAND_IN_KIND(MPSNNAdditionNode, add)
STAND_IN_KIND(MPSNNSubtractionNode, subtract)
STAND_IN_KIND(MPSNNMultiplicationNode, multiply)

@implementation MPSNNDivisionNode
- (mpsnn::Arithmetic::Kind)standInKind {
  return mpsnn::Arithmetic::Kind::divide;
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  refuse(@"there is no gradient of a division");
}
@end

@implementation MPSNNComparisonNode
@synthesize comparisonType = _comparisonType;
- (mpsnn::Arithmetic::Kind)standInKind {
  using Kind = mpsnn::Arithmetic::Kind;
  static const Kind kinds[] = {Kind::equal,      Kind::not_equal, Kind::less,
                               Kind::less_equal, Kind::greater,   Kind::greater_equal};
  return kinds[_comparisonType];
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  refuse(@"there is no gradient of a comparison");
}
@end
