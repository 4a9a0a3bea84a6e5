#include "metal_double/recurrent.hpp"

using metal_double::neuron_of;
using metal_double::refuse;

@interface MPSRNNDescriptor (StandIn)
+ (instancetype)standInOf:(NSUInteger)in to:(NSUInteger)out;
- (std::shared_ptr<StandInRecurrent>)standInLayer;
- (std::shared_ptr<StandInRecurrent>)standInLayerOf:(int)gates;
@end

@implementation MPSRNNDescriptor
@synthesize inputFeatureChannels = _inputFeatureChannels;
@synthesize outputFeatureChannels = _outputFeatureChannels;
@synthesize useFloat32Weights = _useFloat32Weights;
+ (instancetype)standInOf:(NSUInteger)in to:(NSUInteger)out {
  MPSRNNDescriptor* descriptor = [[[self alloc] init] autorelease];
  descriptor.inputFeatureChannels = in;
  descriptor.outputFeatureChannels = out;
  return descriptor;
}
- (std::shared_ptr<StandInRecurrent>)standInLayer {
  refuse(@"%@ is no layer", [self class]);
}
- (std::shared_ptr<StandInRecurrent>)standInLayerOf:(int)gates {
  auto layer = std::make_shared<StandInRecurrent>();
  layer->in = _inputFeatureChannels;
  layer->out = _outputFeatureChannels;
  layer->gates = gates;
  return layer;
}
@end

namespace {

/// Every gate's neuron comes from the source of its input weights; without one there is none.
mpsnn::Neuron gate_neuron(id<MPSCNNConvolutionDataSource> source) {
  return neuron_of([source descriptor].fusedNeuronDescriptor);
}

}  // namespace

namespace metal_double {

std::shared_ptr<StandInRecurrent> recurrent_of(MPSRNNDescriptor* descriptor) {
  std::shared_ptr<StandInRecurrent> layer = [descriptor standInLayer];
  layer->place();
  return layer;
}

}  // namespace metal_double

@implementation MPSRNNSingleGateDescriptor
@synthesize inputWeights = _inputWeights, recurrentWeights = _recurrentWeights;
+ (instancetype)createRNNSingleGateDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                                outputFeatureChannels:
                                                    (NSUInteger)outputFeatureChannels {
  return [self standInOf:channels to:outputFeatureChannels];
}
- (void)dealloc {
  [_inputWeights release];
  [_recurrentWeights release];
  [super dealloc];
}
- (std::shared_ptr<StandInRecurrent>)standInLayer {
  auto layer = [self standInLayerOf:1];
  layer->op = mpsnn::Rnn{.neuron = gate_neuron(_inputWeights)};
  layer->add_gate(0, _inputWeights, _recurrentWeights, MPSRNNMatrixIdSingleGateInputWeights,
                  MPSRNNMatrixIdSingleGateRecurrentWeights, MPSRNNMatrixIdSingleGateBiasTerms);
  return layer;
}
@end

@implementation MPSLSTMDescriptor
@synthesize inputGateInputWeights = _inputGateInputWeights;
@synthesize inputGateRecurrentWeights = _inputGateRecurrentWeights;
@synthesize inputGateMemoryWeights = _inputGateMemoryWeights;
@synthesize forgetGateInputWeights = _forgetGateInputWeights;
@synthesize forgetGateRecurrentWeights = _forgetGateRecurrentWeights;
@synthesize forgetGateMemoryWeights = _forgetGateMemoryWeights;
@synthesize outputGateInputWeights = _outputGateInputWeights;
@synthesize outputGateRecurrentWeights = _outputGateRecurrentWeights;
@synthesize outputGateMemoryWeights = _outputGateMemoryWeights;
@synthesize cellGateInputWeights = _cellGateInputWeights;
@synthesize cellGateRecurrentWeights = _cellGateRecurrentWeights;
@synthesize cellGateMemoryWeights = _cellGateMemoryWeights;
@synthesize memoryWeightsAreDiagonal = _memoryWeightsAreDiagonal;
@synthesize cellToOutputNeuronType = _cellToOutputNeuronType;
@synthesize cellToOutputNeuronParamA = _cellToOutputNeuronParamA;
@synthesize cellToOutputNeuronParamB = _cellToOutputNeuronParamB;
@synthesize cellToOutputNeuronParamC = _cellToOutputNeuronParamC;
+ (instancetype)createLSTMDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                       outputFeatureChannels:(NSUInteger)outputFeatureChannels {
  MPSLSTMDescriptor* descriptor = [self standInOf:channels to:outputFeatureChannels];
  descriptor->_cellToOutputNeuronType = MPSCNNNeuronTypeTanH;
  descriptor->_cellToOutputNeuronParamA = descriptor->_cellToOutputNeuronParamB = 1;
  return descriptor;
}
- (void)dealloc {
  for (id source :
       {(id)_inputGateInputWeights, (id)_inputGateRecurrentWeights, (id)_inputGateMemoryWeights,
        (id)_forgetGateInputWeights, (id)_forgetGateRecurrentWeights, (id)_forgetGateMemoryWeights,
        (id)_outputGateInputWeights, (id)_outputGateRecurrentWeights, (id)_outputGateMemoryWeights,
        (id)_cellGateInputWeights, (id)_cellGateRecurrentWeights, (id)_cellGateMemoryWeights})
    [source release];
  [super dealloc];
}
- (std::shared_ptr<StandInRecurrent>)standInLayer {
  auto layer = [self standInLayerOf:4];
  mpsnn::Lstm op;
  op.input_gate = gate_neuron(_inputGateInputWeights);
  op.forget_gate = gate_neuron(_forgetGateInputWeights);
  op.cell_gate = gate_neuron(_cellGateInputWeights);
  op.output_gate = gate_neuron(_outputGateInputWeights);
  op.hidden =
      neuron_of([MPSNNNeuronDescriptor cnnNeuronDescriptorWithType:_cellToOutputNeuronType
                                                                 a:_cellToOutputNeuronParamA
                                                                 b:_cellToOutputNeuronParamB
                                                                 c:_cellToOutputNeuronParamC]);
  layer->op = op;
  const id<MPSCNNConvolutionDataSource> sources[4][3] = {
      {_inputGateInputWeights, _inputGateRecurrentWeights, _inputGateMemoryWeights},
      {_forgetGateInputWeights, _forgetGateRecurrentWeights, _forgetGateMemoryWeights},
      {_cellGateInputWeights, _cellGateRecurrentWeights, _cellGateMemoryWeights},
      {_outputGateInputWeights, _outputGateRecurrentWeights, _outputGateMemoryWeights}};
  for (int gate = 0; gate < 4; ++gate) {
    const auto first = MPSRNNMatrixIdLSTMInputGateInputWeights + 4 * gate;
    const auto matrix = [&](int i) { return static_cast<MPSRNNMatrixId>(first + i); };
    layer->add_gate(gate, sources[gate][0], sources[gate][1], matrix(0), matrix(1), matrix(3));
    if (sources[gate][2] != nil)
      layer->add(matrix(2), _memoryWeightsAreDiagonal ? 1 : layer->out, layer->out, 4, gate,
                 static_cast<const float*>([sources[gate][2] weights]));
  }
  return layer;
}
@end

@implementation MPSGRUDescriptor
@synthesize inputGateInputWeights = _inputGateInputWeights;
@synthesize inputGateRecurrentWeights = _inputGateRecurrentWeights;
@synthesize recurrentGateInputWeights = _recurrentGateInputWeights;
@synthesize recurrentGateRecurrentWeights = _recurrentGateRecurrentWeights;
@synthesize outputGateInputWeights = _outputGateInputWeights;
@synthesize outputGateRecurrentWeights = _outputGateRecurrentWeights;
@synthesize outputGateInputGateWeights = _outputGateInputGateWeights;
@synthesize gatePnormValue = _gatePnormValue, flipOutputGates = _flipOutputGates;
+ (instancetype)createGRUDescriptorWithInputFeatureChannels:(NSUInteger)channels
                                      outputFeatureChannels:(NSUInteger)outputFeatureChannels {
  MPSGRUDescriptor* descriptor = [self standInOf:channels to:outputFeatureChannels];
  descriptor->_gatePnormValue = 1;
  return descriptor;
}
- (void)dealloc {
  for (id source :
       {(id)_inputGateInputWeights, (id)_inputGateRecurrentWeights, (id)_recurrentGateInputWeights,
        (id)_recurrentGateRecurrentWeights, (id)_outputGateInputWeights,
        (id)_outputGateRecurrentWeights, (id)_outputGateInputGateWeights})
    [source release];
  [super dealloc];
}
/// Without a matrix of the recurrent gate, and with one of the input gate, it is the minimal unit.
- (std::shared_ptr<StandInRecurrent>)standInLayer {
  const bool minimal = _outputGateRecurrentWeights == nil;
  if (minimal == (_outputGateInputGateWeights == nil))
    refuse(@"the stand-in's output gate has one matrix of U and V");
  auto layer = [self standInLayerOf:minimal ? 2 : 3];
  layer->add_gate(0, _inputGateInputWeights, _inputGateRecurrentWeights,
                  MPSRNNMatrixIdGRUInputGateInputWeights,
                  MPSRNNMatrixIdGRUInputGateRecurrentWeights, MPSRNNMatrixIdGRUInputGateBiasTerms);
  const mpsnn::Neuron z = gate_neuron(_inputGateInputWeights);
  const mpsnn::Neuron n = gate_neuron(_outputGateInputWeights);
  const bool flip = _flipOutputGates;
  if (minimal) {
    layer->op = mpsnn::Mgu{z, n, _gatePnormValue, flip};
    layer->add_gate(1, _outputGateInputWeights, _outputGateInputGateWeights,
                    MPSRNNMatrixIdGRUOutputGateInputWeights,
                    MPSRNNMatrixIdGRUOutputGateInputGateWeights,
                    MPSRNNMatrixIdGRUOutputGateBiasTerms);
    return layer;
  }
  layer->op = mpsnn::Gru{z, gate_neuron(_recurrentGateInputWeights), n, _gatePnormValue, flip};
  layer->add_gate(1, _recurrentGateInputWeights, _recurrentGateRecurrentWeights,
                  MPSRNNMatrixIdGRURecurrentGateInputWeights,
                  MPSRNNMatrixIdGRURecurrentGateRecurrentWeights,
                  MPSRNNMatrixIdGRURecurrentGateBiasTerms);
  layer->add_gate(2, _outputGateInputWeights, _outputGateRecurrentWeights,
                  MPSRNNMatrixIdGRUOutputGateInputWeights,
                  MPSRNNMatrixIdGRUOutputGateRecurrentWeights,
                  MPSRNNMatrixIdGRUOutputGateBiasTerms);
  return layer;
}
@end
