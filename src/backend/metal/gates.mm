#include "backend/metal/sequence.hpp"

/// What one gate lends to a recurrent layer of MPS's: weights, and with those of the input the bias
/// and the neuron.
@interface MpsnnGateSource : NSObject <MPSCNNConvolutionDataSource> {
  mpsnn::metal::Owned<MPSCNNConvolutionDescriptor*> _descriptor;
  float *_weights, *_bias;
}
- (instancetype)initWithDescriptor:(MPSCNNConvolutionDescriptor*)descriptor
                           weights:(float*)weights
                              bias:(float*)bias;
@end

@implementation MpsnnGateSource
- (instancetype)initWithDescriptor:(MPSCNNConvolutionDescriptor*)descriptor
                           weights:(float*)weights
                              bias:(float*)bias {
  if (!(self = [super init])) return nil;
  _descriptor = mpsnn::metal::keep(descriptor);
  _weights = weights;
  _bias = bias;
  return self;
}
- (id)copyWithZone:(NSZone*)zone {
  return [self retain];
}
- (MPSDataType)dataType {
  return MPSDataTypeFloat32;
}
- (MPSDataType)kernelWeightsDataType {
  return MPSDataTypeFloat32;
}
- (MPSCNNConvolutionDescriptor*)descriptor {
  return _descriptor;
}
- (void*)weights {
  return _weights;
}
- (float*)biasTerms {
  return _bias;
}
- (BOOL)load {
  return YES;
}
- (void)purge {
}
- (NSString*)label {
  return @"gate";
}
@end

namespace mpsnn::metal {

MPSNNNeuronDescriptor* neuron_descriptor(const Neuron& n) {
  using Kind = Neuron::Kind;
  static const std::map<Kind, MPSCNNNeuronType> types = {
      {Kind::linear, MPSCNNNeuronTypeLinear},
      {Kind::relu, MPSCNNNeuronTypeReLU},
      {Kind::relu_n, MPSCNNNeuronTypeReLUN},
      {Kind::sigmoid, MPSCNNNeuronTypeSigmoid},
      {Kind::hard_sigmoid, MPSCNNNeuronTypeHardSigmoid},
      {Kind::tanh, MPSCNNNeuronTypeTanH},
      {Kind::abs, MPSCNNNeuronTypeAbsolute},
      {Kind::softplus, MPSCNNNeuronTypeSoftPlus},
      {Kind::softsign, MPSCNNNeuronTypeSoftSign},
      {Kind::elu, MPSCNNNeuronTypeELU},
      {Kind::power, MPSCNNNeuronTypePower},
      {Kind::exponential, MPSCNNNeuronTypeExponential},
      {Kind::logarithm, MPSCNNNeuronTypeLogarithm},
      {Kind::gelu, MPSCNNNeuronTypeGeLU}};
  const auto it = types.find(n.kind);
  if (it == types.end()) return nil;
  return [MPSNNNeuronDescriptor cnnNeuronDescriptorWithType:it->second a:n.a b:n.b c:n.c];
}

id<MPSCNNConvolutionDataSource> SequenceLayer::source(const GateRows& weight, NSUInteger width,
                                                      const GateRows* bias, const Neuron* neuron) {
  MPSCNNConvolutionDescriptor* d =
      [MPSCNNConvolutionDescriptor cnnConvolutionDescriptorWithKernelWidth:1
                                                              kernelHeight:1
                                                      inputFeatureChannels:width
                                                     outputFeatureChannels:out_];
  if (neuron) d.fusedNeuronDescriptor = neuron_descriptor(*neuron);
  const bool biased = bias && bias->tensor >= 0;
  const auto made = adopt([[MpsnnGateSource alloc]
      initWithDescriptor:d
                 weights:masters_[weight.tensor].data() + weight.first
                    bias:biased ? masters_[bias->tensor].data() + bias->first : nullptr]);
  kept_.push_back(made);
  return made;
}

void SequenceLayer::add_gate(std::size_t gate, MPSRNNMatrixId w, MPSRNNMatrixId u,
                             MPSRNNMatrixId b) {
  weights_.push_back({w, plan_.weight[gate], out_, in_});
  weights_.push_back({u, plan_.recurrent[gate], out_, out_});
  if (plan_.bias[gate].tensor >= 0) weights_.push_back({b, plan_.bias[gate], 1, out_});
}

MPSRNNDescriptor* SequenceLayer::rnn(const Rnn& op) {
  MPSRNNSingleGateDescriptor* d =
      [MPSRNNSingleGateDescriptor createRNNSingleGateDescriptorWithInputFeatureChannels:in_
                                                                  outputFeatureChannels:out_];
  d.inputWeights = source(plan_.weight[0], in_, &plan_.bias[0], &op.neuron);
  d.recurrentWeights = source(plan_.recurrent[0], out_, nullptr, nullptr);
  add_gate(0, MPSRNNMatrixIdSingleGateInputWeights, MPSRNNMatrixIdSingleGateRecurrentWeights,
           MPSRNNMatrixIdSingleGateBiasTerms);
  return d;
}

MPSRNNDescriptor* SequenceLayer::lstm(const Lstm& op) {
  MPSLSTMDescriptor* d = [MPSLSTMDescriptor createLSTMDescriptorWithInputFeatureChannels:in_
                                                                   outputFeatureChannels:out_];
  const auto w = [&](int gate, const Neuron& n) {
    return source(plan_.weight[gate], in_, &plan_.bias[gate], &n);
  };
  const auto u = [&](int gate) { return source(plan_.recurrent[gate], out_, nullptr, nullptr); };
  d.inputGateInputWeights = w(0, op.input_gate);
  d.forgetGateInputWeights = w(1, op.forget_gate);
  d.cellGateInputWeights = w(2, op.cell_gate);
  d.outputGateInputWeights = w(3, op.output_gate);
  d.inputGateRecurrentWeights = u(0);
  d.forgetGateRecurrentWeights = u(1);
  d.cellGateRecurrentWeights = u(2);
  d.outputGateRecurrentWeights = u(3);
  if (!plan_.peephole.empty()) {
    const auto v = [&](int gate) { return source(plan_.peephole[gate], out_, nullptr, nullptr); };
    d.memoryWeightsAreDiagonal = plan_.diagonal;
    d.inputGateMemoryWeights = v(0);
    d.forgetGateMemoryWeights = v(1);
    d.cellGateMemoryWeights = v(2);
    d.outputGateMemoryWeights = v(3);
  }
  MPSNNNeuronDescriptor* hidden = neuron_descriptor(op.hidden);
  d.cellToOutputNeuronType = hidden.neuronType;
  d.cellToOutputNeuronParamA = hidden.a;
  d.cellToOutputNeuronParamB = hidden.b;
  d.cellToOutputNeuronParamC = hidden.c;
  for (int gate = 0; gate < 4; ++gate) {
    const auto id = [&](int i) {
      return static_cast<MPSRNNMatrixId>(MPSRNNMatrixIdLSTMInputGateInputWeights + 4 * gate + i);
    };
    add_gate(gate, id(0), id(1), id(3));
    if (!plan_.peephole.empty())
      weights_.push_back({id(2), plan_.peephole[gate], plan_.diagonal ? 1 : out_, out_});
  }
  return d;
}

MPSRNNDescriptor* SequenceLayer::gru(const Gru& op) {
  MPSGRUDescriptor* d = [MPSGRUDescriptor createGRUDescriptorWithInputFeatureChannels:in_
                                                                outputFeatureChannels:out_];
  d.inputGateInputWeights = source(plan_.weight[0], in_, &plan_.bias[0], &op.update_gate);
  d.recurrentGateInputWeights = source(plan_.weight[1], in_, &plan_.bias[1], &op.reset_gate);
  d.outputGateInputWeights = source(plan_.weight[2], in_, &plan_.bias[2], &op.candidate);
  d.inputGateRecurrentWeights = source(plan_.recurrent[0], out_, nullptr, nullptr);
  d.recurrentGateRecurrentWeights = source(plan_.recurrent[1], out_, nullptr, nullptr);
  d.outputGateRecurrentWeights = source(plan_.recurrent[2], out_, nullptr, nullptr);
  d.gatePnormValue = op.power;
  d.flipOutputGates = op.flip;
  add_gate(0, MPSRNNMatrixIdGRUInputGateInputWeights, MPSRNNMatrixIdGRUInputGateRecurrentWeights,
           MPSRNNMatrixIdGRUInputGateBiasTerms);
  add_gate(1, MPSRNNMatrixIdGRURecurrentGateInputWeights,
           MPSRNNMatrixIdGRURecurrentGateRecurrentWeights, MPSRNNMatrixIdGRURecurrentGateBiasTerms);
  add_gate(2, MPSRNNMatrixIdGRUOutputGateInputWeights, MPSRNNMatrixIdGRUOutputGateRecurrentWeights,
           MPSRNNMatrixIdGRUOutputGateBiasTerms);
  return d;
}

/// A GRU without a reset gate, whose candidate sees z h instead.
MPSRNNDescriptor* SequenceLayer::mgu(const Mgu& op) {
  MPSGRUDescriptor* d = [MPSGRUDescriptor createGRUDescriptorWithInputFeatureChannels:in_
                                                                outputFeatureChannels:out_];
  d.inputGateInputWeights = source(plan_.weight[0], in_, &plan_.bias[0], &op.update_gate);
  d.outputGateInputWeights = source(plan_.weight[1], in_, &plan_.bias[1], &op.candidate);
  d.inputGateRecurrentWeights = source(plan_.recurrent[0], out_, nullptr, nullptr);
  d.outputGateInputGateWeights = source(plan_.recurrent[1], out_, nullptr, nullptr);
  d.gatePnormValue = op.power;
  d.flipOutputGates = op.flip;
  add_gate(0, MPSRNNMatrixIdGRUInputGateInputWeights, MPSRNNMatrixIdGRUInputGateRecurrentWeights,
           MPSRNNMatrixIdGRUInputGateBiasTerms);
  add_gate(1, MPSRNNMatrixIdGRUOutputGateInputWeights, MPSRNNMatrixIdGRUOutputGateInputGateWeights,
           MPSRNNMatrixIdGRUOutputGateBiasTerms);
  return d;
}

}  // namespace mpsnn::metal
