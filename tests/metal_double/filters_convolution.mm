#include "metal_double/windowed.hpp"

using metal_double::contents;
using metal_double::Filter;
using metal_double::Gradients;
using metal_double::refuse;
using metal_double::Tensor;
using mpsnn::Dim;
using mpsnn::Op;
using mpsnn::Shape;

namespace {

/// MPS correlates the image with zeros between its pixels; a ConvTranspose2d adds up, which is
/// the same with the taps the other way round.
void rotate(std::vector<float>& weights, const Shape& shape) {
  const Dim taps = shape[1] * shape[2], inner = shape[3];
  for (Dim o = 0; o < shape[0]; ++o)
    for (Dim t = 0; t < taps / 2; ++t)
      std::swap_ranges(weights.begin() + (o * taps + t) * inner,
                       weights.begin() + (o * taps + t + 1) * inner,
                       weights.begin() + (o * taps + taps - 1 - t) * inner);
}

struct WeightGradients : Gradients {
  MPSCNNConvolutionGradientState* state;
  bool rotated;
  WeightGradients(MPSCNNConvolutionGradientState* s, bool r) : state(s), rotated(r) {}
  ~WeightGradients() override { [state release]; }
  void backward(const std::vector<Tensor>& all) override {
    std::vector<float> weights = all[1].values;
    if (rotated) rotate(weights, all[1].shape);
    std::ranges::copy(weights, contents(state.gradientForWeights));
    std::ranges::copy(all[2].values, contents(state.gradientForBiases));
  }
};

enum class Kind { convolution, dense, transpose };

class Convolution : public metal_double::Windowed {
 public:
  Convolution(MPSCNNConvolutionNode* node, MPSCNNKernel* kernel, Kind kind,
              id<MPSCNNConvolutionDataSource> source)
      : Windowed(node, kernel), convolution_(node), source_([source retain]), kind_(kind) {
    reload();
  }
  ~Convolution() override { [source_ release]; }

  void reload() override {
    if (![source_ load]) refuse(@"%@ did not load", [source_ label]);
    MPSCNNConvolutionDescriptor* d = [source_ descriptor];
    if (d.fusedNeuronDescriptor != nil) refuse(@"the stand-in trains no fused neuron");
    [kernel_ setStandInWindow:d.kernelHeight
                        width:d.kernelWidth
                      strideY:d.strideInPixelsY
                      strideX:d.strideInPixelsX
                    dilationY:d.dilationRateY
                    dilationX:d.dilationRateX];
    depthwise_ = [d isKindOfClass:[MPSCNNDepthWiseConvolutionDescriptor class]];
    in_ = static_cast<Dim>(d.inputFeatureChannels);
    out_ = static_cast<Dim>(d.outputFeatureChannels);
    groups_ = depthwise_ ? in_ : static_cast<Dim>(d.groups);
    if (!depthwise_ && groups_ > 1 && (in_ / groups_ % 4 || out_ / groups_ % 4))
      refuse(@"%@: channels of a group must be a multiple of 4", [source_ label]);
    if (depthwise_ && in_ != out_) refuse(@"%@: a channel multiplier over 1", [source_ label]);
    if ([source_ dataType] != MPSDataTypeFloat32) refuse(@"the stand-in reads float32 weights");
    wide_ = [source_ respondsToSelector:@selector(kernelWeightsDataType)] &&
            [source_ kernelWeightsDataType] == MPSDataTypeFloat32;
    if (wide_ && half_accumulator())
      refuse(@"%@: float32 weights need the float accumulator", [source_ label]);
    take(static_cast<const float*>([source_ weights]), [source_ biasTerms]);
    [source_ purge];
  }

  Shape result(const std::vector<Shape>& sources) override {
    if (kind_ != Kind::dense) return Windowed::result(sources);
    if (sources[0][0] != static_cast<Dim>(kernel_.kernelHeight) ||
        sources[0][1] != static_cast<Dim>(kernel_.kernelWidth) || sources[0][2] != in_)
      refuse(@"%@: the kernel of a fully connected layer is not its image", [source_ label]);
    return {1, 1, out_};
  }

  Op op(const std::vector<Shape>& sources) override {
    if (kind_ == Kind::dense) return mpsnn::Dense{};
    if (sources[0][2] != in_)
      refuse(@"%@: %d channels, weights for %d", [source_ label], (int)sources[0][2], (int)in_);
    const auto accumulator =
        half_accumulator() ? mpsnn::Accumulator::half : mpsnn::Accumulator::single;
    if (kind_ == Kind::convolution) {
      if (kernel_.edgeMode != MPSImageEdgeModeZero) refuse(@"a convolution's edge is zero");
      return mpsnn::Conv2d{metal_double::stride_of(kernel_), metal_double::dilation_of(kernel_),
                           padding(sources[0]), static_cast<int>(groups_), accumulator};
    }
    return transposed(sources[0], accumulator);
  }

  bool trains() const override {
    return convolution_.trainingStyle == MPSNNTrainingStyleUpdateDeviceGPU &&
           [source_
               respondsToSelector:@selector(updateWithCommandBuffer:gradientState:sourceState:)];
  }

  std::shared_ptr<Gradients> gradients(int) override {
    return std::make_shared<WeightGradients>(
        [[MPSCNNConvolutionGradientState alloc] initStandInOf:kernel_.device
                                                      weights:parameters[0].values.size()
                                                       biases:parameters[1].values.size()],
        kind_ == Kind::transpose);
  }

  void update(id<StandInEncoding> buffer, const std::shared_ptr<Gradients>& gradients) override {
    MPSCNNConvolutionGradientState* state = static_cast<WeightGradients&>(*gradients).state;
    MPSCNNConvolutionWeightsAndBiasesState* before =
        [[[MPSCNNConvolutionWeightsAndBiasesState alloc] initStandInTemporary] autorelease];
    MPSCNNConvolutionWeightsAndBiasesState* after = [source_ updateWithCommandBuffer:buffer
                                                                       gradientState:state
                                                                         sourceState:before];
    [state standInCheckReadOut:[source_ label]];
    [before standInCheckReadOut:[source_ label]];
    if (after == nil) return;
    [buffer keep:after];
    [buffer encode:[this, after] {
      take(contents(after.weights) + after.weightsOffset / sizeof(float),
           after.biases ? contents(after.biases) + after.biasesOffset / sizeof(float) : nullptr);
    }];
  }

 protected:
  Dim channels(Dim) const override { return out_; }

 private:
  bool half_accumulator() const {
    return convolution_.accumulatorPrecision == MPSNNConvolutionAccumulatorPrecisionOptionHalf;
  }

  Shape weight_shape() const {
    const Dim h = kernel_.kernelHeight, w = kernel_.kernelWidth;
    return kind_ == Kind::dense ? Shape{out_, h * w * in_} : Shape{out_, h, w, in_ / groups_};
  }

  void take(const float* weights, const float* biases) {
    const Shape shape = weight_shape();
    parameters = {{shape, 0, metal_double::floats(weights, shape.size())},
                  {{out_}, 0, metal_double::floats(biases, out_)}};
    if (!wide_) metal_double::round_to_half(parameters[0].values);
    if (kind_ == Kind::transpose) rotate(parameters[0].values, shape);
  }

  Op transposed(const Shape& source, mpsnn::Accumulator accumulator) const;

  MPSCNNConvolutionNode* convolution_;
  id<MPSCNNConvolutionDataSource> source_;
  Kind kind_;
  Dim in_ = 0, out_ = 0, groups_ = 1;
  bool depthwise_ = false, wide_ = false;
};

/// The window over the image with zeros between its pixels starts at
/// offset * stride + kernelOffset - kernel / 2.
Op Convolution::transposed(const Shape& source, mpsnn::Accumulator accumulator) const {
  if (kernel_.dilationRateX * kernel_.dilationRateY != 1) refuse(@"a dilated transpose");
  const auto* kernel = (MPSCNNConvolutionTranspose*)kernel_;
  const auto axis = [](Dim in, Dim out, Dim kernel, Dim stride, Dim offset) {
    const Dim before = kernel / 2 - offset;  // zeros in front of the stretched image
    const Dim cut = kernel - 1 - before;     // of the full result
    const Dim full = (in - 1) * stride + kernel;
    const Dim after = full - cut - out;
    if (cut < 0) refuse(@"the stand-in has no transposed window that starts there");
    return std::array<int, 3>{static_cast<int>(cut), static_cast<int>(std::max<Dim>(after, 0)),
                              static_cast<int>(std::max<Dim>(-after, 0))};
  };
  const Dim sy = kernel_.strideInPixelsY, sx = kernel_.strideInPixelsX;
  const auto h = axis(source[0], height_, kernel_.kernelHeight, sy,
                      kernel_.offset.y * sy + kernel.kernelOffsetY);
  const auto w = axis(source[1], width_, kernel_.kernelWidth, sx,
                      kernel_.offset.x * sx + kernel.kernelOffsetX);
  return mpsnn::ConvTranspose2d{metal_double::stride_of(kernel_),
                                metal_double::dilation_of(kernel_),
                                {mpsnn::Padding::Mode::fixed, h[0], h[1], w[0], w[1]},
                                {h[2], w[2]},
                                static_cast<int>(groups_),
                                accumulator};
}

std::shared_ptr<Filter> convolution(MPSCNNConvolutionNode* node, Class kernel_class, Kind kind,
                                    id<MTLDevice> device, id<MPSCNNConvolutionDataSource> source) {
  MPSCNNKernel* kernel = [[(MPSCNNKernel*)[kernel_class alloc] initWithDevice:device] autorelease];
  return std::make_shared<Convolution>(node, kernel, kind, source);
}

}  // namespace

@implementation MPSCNNConvolutionDescriptor
@synthesize kernelWidth = _kernelWidth, kernelHeight = _kernelHeight;
@synthesize inputFeatureChannels = _inputFeatureChannels;
@synthesize outputFeatureChannels = _outputFeatureChannels;
@synthesize strideInPixelsX = _strideInPixelsX, strideInPixelsY = _strideInPixelsY;
@synthesize groups = _groups, dilationRateX = _dilationRateX, dilationRateY = _dilationRateY;
@synthesize fusedNeuronDescriptor = _fusedNeuronDescriptor;
+ (instancetype)cnnConvolutionDescriptorWithKernelWidth:(NSUInteger)width
                                           kernelHeight:(NSUInteger)kernelHeight
                                   inputFeatureChannels:(NSUInteger)inputFeatureChannels
                                  outputFeatureChannels:(NSUInteger)outputFeatureChannels {
  MPSCNNConvolutionDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor.kernelWidth = width;
  descriptor.kernelHeight = kernelHeight;
  descriptor.inputFeatureChannels = inputFeatureChannels;
  descriptor.outputFeatureChannels = outputFeatureChannels;
  descriptor.strideInPixelsX = descriptor.strideInPixelsY = descriptor.groups = 1;
  descriptor.dilationRateX = descriptor.dilationRateY = 1;
  return descriptor;
}
- (void)dealloc {
  [_fusedNeuronDescriptor release];
  [super dealloc];
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
@end

@implementation MPSCNNDepthWiseConvolutionDescriptor
- (NSUInteger)channelMultiplier {
  return _outputFeatureChannels / _inputFeatureChannels;
}
@end

@implementation MPSCNNConvolutionNode
@synthesize trainingStyle = _trainingStyle, accumulatorPrecision = _accumulatorPrecision;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                       weights:(id<MPSCNNConvolutionDataSource>)weights {
  return [[[self alloc] initWithSource:source weights:weights] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                       weights:(id<MPSCNNConvolutionDataSource>)weights {
  if (!(self = [self initWithStandInSources:[NSArray arrayWithObject:source]])) return nil;
  _weights = [weights retain];
  _trainingStyle = MPSNNTrainingStyleUpdateDeviceGPU;
  _accumulatorPrecision = MPSNNConvolutionAccumulatorPrecisionOptionFloat;
  return self;
}
- (void)dealloc {
  [_weights release];
  [super dealloc];
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return convolution(self, [MPSCNNKernel class], Kind::convolution, device, _weights);
}
@end

@implementation MPSCNNFullyConnectedNode
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return convolution(self, [MPSCNNKernel class], Kind::dense, device, _weights);
}
@end

@implementation MPSCNNConvolutionTransposeNode
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
      convolutionGradientState:(MPSCNNConvolutionGradientStateNode*)convolutionGradientState
                       weights:(id<MPSCNNConvolutionDataSource>)weights {
  return [[[self alloc] initWithSource:source
              convolutionGradientState:convolutionGradientState
                               weights:weights] autorelease];
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
      convolutionGradientState:(MPSCNNConvolutionGradientStateNode*)convolutionGradientState
                       weights:(id<MPSCNNConvolutionDataSource>)weights {
  if (convolutionGradientState != nil) refuse(@"the stand-in sizes results by padding policies");
  return [self initWithSource:source weights:weights];
}
- (std::shared_ptr<Filter>)standInFilter:(id<MTLDevice>)device {
  return convolution(self, [MPSCNNConvolutionTranspose class], Kind::transpose, device, _weights);
}
@end
