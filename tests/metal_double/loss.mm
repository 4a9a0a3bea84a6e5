#include "metal_double/loss.hpp"

namespace metal_double {

mpsnn::Reduction reduction_of(MPSCNNReductionType type) {
  using mpsnn::Reduction;
  static const Reduction reductions[] = {Reduction::none, Reduction::sum, Reduction::mean,
                                         Reduction::sum_by_nonzero_weights};
  return reductions[type];
}

mpsnn::Loss::Kind kind_of(MPSCNNLossType type) {
  using Kind = mpsnn::Loss::Kind;
  static const Kind kinds[] = {Kind::mean_absolute_error,
                               Kind::mean_squared_error,
                               Kind::softmax_cross_entropy,
                               Kind::sigmoid_cross_entropy,
                               Kind::categorical_cross_entropy,
                               Kind::hinge_loss,
                               Kind::huber_loss,
                               Kind::cosine_distance,
                               Kind::log_loss,
                               Kind::kl_divergence};
  return kinds[type];
}

mpsnn::Loss op_of(MPSCNNLossDescriptor* d, const mpsnn::Shape& source) {
  if (d.labelSmoothing > 0 && d.numberOfClasses != static_cast<NSUInteger>(source[2]))
    refuse(@"label smoothing over %d classes of %d channels", (int)d.numberOfClasses,
           (int)source[2]);
  // As Apple's header has it, also where labels do not add up to 1.
  return {.kind = kind_of(d.lossType),
          .reduction = reduction_of(d.reductionType),
          .weight = d.weight,
          .label_smoothing = d.labelSmoothing,
          .delta = d.delta,
          .epsilon = d.epsilon,
          .strict_mps = true};
}

/// The gradient of MPS is that of the sum, whatever the reduction.
mpsnn::Op undivided(const mpsnn::Op& op) {
  return std::visit(
      [](auto o) -> mpsnn::Op {
        if constexpr (requires { o.reduction; })
          if (o.reduction != mpsnn::Reduction::none) o.reduction = mpsnn::Reduction::sum;
        return o;
      },
      op);
}

Tensor loss(Arithmetic& arithmetic, const mpsnn::Op& op, const Tensor& source,
            MPSStateBatch* batch) {
  Tensor labels{source.shape, source.images, {}}, weights{source.shape, source.images, {}};
  for (MPSCNNLossLabels* state in (NSArray<MPSCNNLossLabels*>*)batch) {
    const Tensor one = [[state labelsImage] standInValues];
    if (one.shape != source.shape) refuse(@"labels of another size than what they are for");
    labels.values.insert(labels.values.end(), one.values.begin(), one.values.end());
    const std::vector<float> by = [state weightsImage]
                                      ? [[state weightsImage] standInValues].values
                                      : std::vector<float>(one.values.size(), 1.0f);
    if (by.size() != one.values.size()) refuse(@"weights of another size than the labels");
    weights.values.insert(weights.values.end(), by.begin(), by.end());
  }
  const std::vector<Tensor> in = {source, labels, weights};
  const Tensor out = arithmetic.forward(op, in)[0];
  const std::size_t each = out.values.size() / source.images;
  int i = 0;
  for (MPSCNNLossLabels* state in (NSArray<MPSCNNLossLabels*>*)batch) {
    MPSImage* to = [state lossImage];
    if (to.width * to.height * to.featureChannels != each)
      refuse(@"the loss image is not of the size of the loss");
    [to setStandInValues:std::vector<float>(out.values.begin() + i * each,
                                            out.values.begin() + (i + 1) * each)];
    [to standInWrittenByGpu];
    ++i;
  }
  const mpsnn::Op sum = undivided(op);
  Tensor dy{arithmetic.forward(sum, in)[0].shape, source.images, {}};
  dy.values.assign(dy.shape.size() * source.images, 1.0f);
  return arithmetic.gradient(sum, in, dy)[0];
}

}  // namespace metal_double

@implementation MPSCNNLossNode
@synthesize inputLabels = _inputLabels;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor {
  return [[[self alloc] initWithSource:source lossDescriptor:lossDescriptor] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _descriptor = [lossDescriptor retain];
  _inputLabels = [[MPSNNLabelsNode alloc] init];
  return self;
}
- (void)dealloc {
  [_descriptor release];
  [_inputLabels release];
  [super dealloc];
}
- (bool)standInIsLoss {
  return true;
}
- (MPSNNLabelsNode*)standInLabels {
  return _inputLabels;
}
- (mpsnn::Op)standInLossOf:(const mpsnn::Shape&)source {
  return metal_double::op_of(_descriptor, source);
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  metal_double::refuse(@"a loss node is its own gradient");
}
@end

@implementation MPSCNNYOLOLossDescriptor
@synthesize XYLossDescriptor = _XYLossDescriptor, WHLossDescriptor = _WHLossDescriptor;
@synthesize confidenceLossDescriptor = _confidenceLossDescriptor;
@synthesize classesLossDescriptor = _classesLossDescriptor, reductionType = _reductionType;
@synthesize rescore = _rescore, scaleXY = _scaleXY, scaleWH = _scaleWH;
@synthesize scaleNoObject = _scaleNoObject, scaleObject = _scaleObject, scaleClass = _scaleClass;
@synthesize minIOUForObjectPresence = _minIOUForObjectPresence;
@synthesize maxIOUForObjectAbsence = _maxIOUForObjectAbsence;
@synthesize numberOfAnchorBoxes = _numberOfAnchorBoxes, anchorBoxes = _anchorBoxes;
+ (MPSCNNYOLOLossDescriptor*)cnnLossDescriptorWithXYLossType:(MPSCNNLossType)type
                                                  WHLossType:(MPSCNNLossType)WHLossType
                                          confidenceLossType:(MPSCNNLossType)confidenceLossType
                                             classesLossType:(MPSCNNLossType)classesLossType
                                               reductionType:(MPSCNNReductionType)reductionType
                                                 anchorBoxes:(NSData*)anchorBoxes
                                         numberOfAnchorBoxes:(NSUInteger)numberOfAnchorBoxes {
  MPSCNNYOLOLossDescriptor* d = [[[self alloc] init] autorelease];
  const auto of = [&](MPSCNNLossType kind) {
    return [MPSCNNLossDescriptor cnnLossDescriptorWithType:kind reductionType:reductionType];
  };
  d.XYLossDescriptor = of(type);
  d.WHLossDescriptor = of(WHLossType);
  d.confidenceLossDescriptor = of(confidenceLossType);
  d.classesLossDescriptor = of(classesLossType);
  d.reductionType = reductionType;
  d.rescore = YES;
  d.scaleXY = d.scaleWH = 10;
  d.scaleNoObject = 5;
  d.scaleObject = 100;
  d.scaleClass = 2;
  d.minIOUForObjectPresence = 0.7f;
  d.maxIOUForObjectAbsence = 0.3f;
  d.numberOfAnchorBoxes = numberOfAnchorBoxes;
  d.anchorBoxes = anchorBoxes;
  return d;
}
- (void)dealloc {
  for (id part : {(id)_XYLossDescriptor, (id)_WHLossDescriptor, (id)_confidenceLossDescriptor,
                  (id)_classesLossDescriptor, (id)_anchorBoxes})
    [part release];
  [super dealloc];
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
@end

@implementation MPSCNNYOLOLossNode
@synthesize inputLabels = _inputLabels;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNYOLOLossDescriptor*)lossDescriptor {
  return [[[self alloc] initWithSource:source lossDescriptor:lossDescriptor] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNYOLOLossDescriptor*)lossDescriptor {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _descriptor = [lossDescriptor retain];
  _inputLabels = [[MPSNNLabelsNode alloc] init];
  return self;
}
- (void)dealloc {
  [_descriptor release];
  [_inputLabels release];
  [super dealloc];
}
- (bool)standInIsLoss {
  return true;
}
- (MPSNNLabelsNode*)standInLabels {
  return _inputLabels;
}
- (mpsnn::Op)standInLossOf:(const mpsnn::Shape&)source {
  MPSCNNYOLOLossDescriptor* d = _descriptor;
  mpsnn::YoloLoss op;
  op.anchors.resize(d.numberOfAnchorBoxes);
  [d.anchorBoxes getBytes:op.anchors.data() length:op.anchors.size() * 2 * sizeof(float)];
  op.xy = metal_double::kind_of(d.XYLossDescriptor.lossType);
  op.wh = metal_double::kind_of(d.WHLossDescriptor.lossType);
  op.confidence = metal_double::kind_of(d.confidenceLossDescriptor.lossType);
  op.classes = metal_double::kind_of(d.classesLossDescriptor.lossType);
  op.scale_xy = d.scaleXY;
  op.scale_wh = d.scaleWH;
  op.scale_no_object = d.scaleNoObject;
  op.scale_object = d.scaleObject;
  op.scale_class = d.scaleClass;
  op.min_iou = d.minIOUForObjectPresence;
  op.max_iou = d.maxIOUForObjectAbsence;
  op.rescore = d.rescore;
  op.reduction = metal_double::reduction_of(d.reductionType);
  op.delta = d.WHLossDescriptor.delta;
  op.epsilon = d.WHLossDescriptor.epsilon;
  return op;
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  metal_double::refuse(@"a loss node is its own gradient");
}
@end

@implementation MPSNNForwardLossNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                       weights:(MPSNNImageNode*)weights
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor {
  return [[[self alloc] initWithSource:source
                                labels:labels
                               weights:weights
                        lossDescriptor:lossDescriptor] autorelease];
}
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor {
  return [self nodeWithSource:source labels:labels weights:nil lossDescriptor:lossDescriptor];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                       weights:(MPSNNImageNode*)weights
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor {
  NSArray* sources = [NSArray arrayWithObjects:source, labels, weights, nil];
  if (!(self = [self initWithStandInSources:sources])) return nil;
  _descriptor = [lossDescriptor retain];
  return self;
}
- (void)dealloc {
  [_descriptor release];
  [super dealloc];
}
- (std::shared_ptr<metal_double::Filter>)standInFilter:(id<MTLDevice>)device {
  class ForwardLoss : public metal_double::Filter {
   public:
    explicit ForwardLoss(MPSCNNLossDescriptor* d) : descriptor_([d retain]) {}
    ~ForwardLoss() override { [descriptor_ release]; }
    mpsnn::Op op(const std::vector<mpsnn::Shape>& sources) override {
      for (const mpsnn::Shape& s : sources)
        if (s != sources[0]) metal_double::refuse(@"labels or weights of another size");
      return metal_double::op_of(descriptor_, sources[0]);
    }

   private:
    MPSCNNLossDescriptor* descriptor_;
  };
  return std::make_shared<ForwardLoss>(_descriptor);
}
@end
