#include "metal_double/loss.hpp"

namespace metal_double {
namespace {

mpsnn::Loss op_of(MPSCNNLossDescriptor* d) {
  static const mpsnn::Reduction reductions[] = {mpsnn::Reduction::none, mpsnn::Reduction::sum,
                                                mpsnn::Reduction::mean,
                                                mpsnn::Reduction::sum_by_nonzero_weights};
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
  // As Apple's header has it, also where labels do not add up to 1.
  return {.kind = kinds[d.lossType],
          .reduction = reductions[d.reductionType],
          .weight = d.weight,
          .label_smoothing = d.labelSmoothing,
          .delta = d.delta,
          .epsilon = d.epsilon,
          .strict_mps = true};
}

}  // namespace

Tensor loss(Arithmetic& arithmetic, MPSCNNLossDescriptor* descriptor, const Tensor& source,
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
  if (descriptor.labelSmoothing > 0 &&
      descriptor.numberOfClasses != static_cast<NSUInteger>(source.shape[2]))
    refuse(@"label smoothing over %d classes of %d channels", (int)descriptor.numberOfClasses,
           (int)source.shape[2]);
  const mpsnn::Loss op = op_of(descriptor);
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
  mpsnn::Loss sum = op;
  if (sum.reduction != mpsnn::Reduction::none) sum.reduction = mpsnn::Reduction::sum;
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
- (MPSCNNLossDescriptor*)standInDescriptor {
  return _descriptor;
}
- (NSArray<MPSNNGradientFilterNode*>*)gradientFiltersWithSources:
    (NSArray<MPSNNImageNode*>*)gradientImages {
  metal_double::refuse(@"a loss node is its own gradient");
}
@end
