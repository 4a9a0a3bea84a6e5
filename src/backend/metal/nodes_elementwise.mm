#include "backend/metal/translation.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

MPSNNImageNode* neuron(NodeContext& c) {
  using Kind = Neuron::Kind;
  const auto& op = c.op<Neuron>();
  MPSNNImageNode* x = c.image(0);
  switch (op.kind) {
    case Kind::linear:
      return c.neuron(x, MPSCNNNeuronTypeLinear, op.a, op.b);
    case Kind::relu:
      return c.neuron(x, MPSCNNNeuronTypeReLU, op.a);
    case Kind::relu_n:
      return c.neuron(x, MPSCNNNeuronTypeReLUN, op.a, op.b);
    case Kind::sigmoid:
      return c.neuron(x, MPSCNNNeuronTypeSigmoid);
    case Kind::hard_sigmoid:
      return c.neuron(x, MPSCNNNeuronTypeHardSigmoid, op.a, op.b);
    case Kind::tanh:
      return c.neuron(x, MPSCNNNeuronTypeTanH, op.a, op.b);
    case Kind::abs:
      return c.neuron(x, MPSCNNNeuronTypeAbsolute);
    case Kind::softplus:
      return c.neuron(x, MPSCNNNeuronTypeSoftPlus, op.a, op.b);
    case Kind::softsign:
      return c.neuron(x, MPSCNNNeuronTypeSoftSign);
    case Kind::elu:
      return c.neuron(x, MPSCNNNeuronTypeELU, op.a);
    case Kind::power:
      return c.neuron(x, MPSCNNNeuronTypePower, op.a, op.b, op.c);
    case Kind::exponential:
      return c.neuron(x, MPSCNNNeuronTypeExponential, op.a, op.b, op.c);
    case Kind::logarithm:
      return c.neuron(x, MPSCNNNeuronTypeLogarithm, op.a, op.b, op.c);
    case Kind::gelu:
      return c.neuron(x, MPSCNNNeuronTypeGeLU);
    case Kind::silu: {
      MPSNNImageNode* gate = c.neuron(x, MPSCNNNeuronTypeSigmoid);
      return c.tape.add([MPSNNMultiplicationNode nodeWithLeftSource : x rightSource : gate],
                        { x, gate });
    }
    case Kind::clamp: {
      if (op.b <= op.a) return c.neuron(x, MPSCNNNeuronTypeLinear, 0, op.a);
      // min(max(x - a, 0), b - a) + a
      MPSNNImageNode* shifted = c.neuron(x, MPSCNNNeuronTypeLinear, 1, -op.a);
      MPSNNImageNode* cut = c.neuron(shifted, MPSCNNNeuronTypeReLUN, 0, op.b - op.a);
      return c.neuron(cut, MPSCNNNeuronTypeLinear, 1, op.a);
    }
  }
  return nil;
}

MPSNNImageNode* softmax(NodeContext& c) {
  MPSNNImageNode* x = c.image(0);
  return c.tape.add([MPSCNNSoftMaxNode nodeWithSource : x], { x });
}

MPSNNImageNode* log_softmax(NodeContext& c) {
  MPSNNImageNode* x = c.image(0);
  return c.tape.add([MPSCNNLogSoftMaxNode nodeWithSource : x], { x });
}

/// Axes of which a side has one are repeated.
void set_strides(MPSNNBinaryArithmeticNode* node, const Shape& a, const Shape& b,
                 const Shape& out) {
  const auto stride = [&](const Shape& side, int axis) -> NSUInteger {
    return side[axis] == out[axis] ? 1 : 0;
  };
  node.primaryStrideInPixelsY = stride(a, 0);
  node.primaryStrideInPixelsX = stride(a, 1);
  node.primaryStrideInFeatureChannels = stride(a, 2);
  node.secondaryStrideInPixelsY = stride(b, 0);
  node.secondaryStrideInPixelsX = stride(b, 1);
  node.secondaryStrideInFeatureChannels = stride(b, 2);
}

MPSNNImageNode* add(NodeContext& c) {
  MPSNNImageNode *a = c.image(0), *b = c.image(1);
  return c.tape.add([MPSNNAdditionNode nodeWithLeftSource : a rightSource : b], { a, b });
}

bool is_comparison(Arithmetic::Kind kind) { return kind >= Arithmetic::Kind::equal; }

MPSNNComparisonType comparison_of(Arithmetic::Kind kind) {
  switch (kind) {
    case Arithmetic::Kind::equal:
      return MPSNNComparisonTypeEqual;
    case Arithmetic::Kind::not_equal:
      return MPSNNComparisonTypeNotEqual;
    case Arithmetic::Kind::less:
      return MPSNNComparisonTypeLess;
    case Arithmetic::Kind::less_equal:
      return MPSNNComparisonTypeLessOrEqual;
    case Arithmetic::Kind::greater:
      return MPSNNComparisonTypeGreater;
    default:
      return MPSNNComparisonTypeGreaterOrEqual;
  }
}

/// A node for `kind` of a and b, with everything that the op says but scales for what a minimum or
/// maximum is made of.
MPSNNBinaryArithmeticNode* binary(Class kind, MPSNNImageNode* a, MPSNNImageNode* b,
                                  const Shape& of_a, const Shape& of_b, const Shape& out) {
  MPSNNBinaryArithmeticNode* node = [kind nodeWithLeftSource:a rightSource:b];
  set_strides(node, of_a, of_b, out);
  return node;
}

void finish(MPSNNBinaryArithmeticNode* node, const Arithmetic& op) {
  node.bias = op.bias;
  node.minimumValue = op.low;
  node.maximumValue = op.high;
}

/// max(p a, s b) = s b + relu(p a - s b);  min(p a, s b) = p a - relu(p a - s b), where equal
/// numbers hand the gradient to a.
MPSNNImageNode* extreme(NodeContext& c, const Arithmetic& op, MPSNNImageNode* a,
                        MPSNNImageNode* b) {
  const Shape out = c.out();
  const bool most = op.kind == Arithmetic::Kind::maximum;
  MPSNNBinaryArithmeticNode* difference =
      binary([MPSNNSubtractionNode class], a, b, c.in(0), c.in(1), out);
  difference.primaryScale = op.primary_scale;
  difference.secondaryScale = op.secondary_scale;
  MPSNNImageNode* d = c.tape.add(difference, {a, b});
  MPSNNImageNode* more = c.neuron(d, MPSCNNNeuronTypeReLU);
  MPSNNImageNode* base = most ? b : a;
  MPSNNBinaryArithmeticNode* sum =
      binary(most ? [MPSNNAdditionNode class] : [MPSNNSubtractionNode class], base, more,
             c.in(most ? 1 : 0), out, out);
  sum.primaryScale = most ? op.secondary_scale : op.primary_scale;
  finish(sum, op);
  return c.tape.add(sum, {base, more});
}

MPSNNImageNode* arithmetic(NodeContext& c) {
  using Kind = Arithmetic::Kind;
  const auto& op = c.op<Arithmetic>();
  MPSNNImageNode *a = c.image(0), *b = c.image(1);
  if (op.kind == Kind::minimum || op.kind == Kind::maximum) return extreme(c, op, a, b);
  if (is_comparison(op.kind)) {
    MPSNNComparisonNode* node =
        (MPSNNComparisonNode*)binary([MPSNNComparisonNode class], a, b, c.in(0), c.in(1), c.out());
    node.comparisonType = comparison_of(op.kind);
    c.hold(node);  // and not on the tape: it stops gradients
    return node.resultImage;
  }
  Class kind = [MPSNNMultiplicationNode class];
  if (op.kind == Kind::add) kind = [MPSNNAdditionNode class];
  if (op.kind == Kind::subtract) kind = [MPSNNSubtractionNode class];
  float secondary = op.secondary_scale;
  if (op.kind == Kind::divide) {
    // Times (s b)^-1: MPS differentiates that, and no division.
    b = c.neuron(b, MPSCNNNeuronTypePower, secondary, 0, -1);
    secondary = 1;
  }
  MPSNNBinaryArithmeticNode* node = binary(kind, a, b, c.in(0), c.in(1), c.out());
  node.primaryScale = op.primary_scale;
  node.secondaryScale = secondary;
  finish(node, op);
  return c.tape.add(node, {a, b});
}

/// Times a mask that the host draws: the one that every backend has.
MPSNNImageNode* dropout(NodeContext& c) {
  const auto& op = c.op<Dropout>();
  MPSNNImageNode* x = c.image(0);
  if (op.rate == 0) return c.neuron(x, MPSCNNNeuronTypeLinear, 1);
  MPSNNImageNode* mask = [MPSNNImageNode nodeWithHandle:nil];
  c.all.sources.push_back(
      {.value = c.node.outputs[0], .shape = c.in(0), .node = keep(mask), .mask = &op});
  return c.tape.add([MPSNNMultiplicationNode nodeWithLeftSource : x rightSource : mask],
                    { x, mask }, {true, false});
}

MPSNNImageNode* stop_gradient(NodeContext& c) { return c.image(0); }

}  // namespace

NodeTable elementwise_nodes() {
  return {on<Neuron>(neuron),
          on<Softmax>(softmax),
          on<LogSoftmax>(log_softmax),
          on<Add>(add),
          on<Arithmetic>(arithmetic),
          on<Dropout>(dropout),
          on<StopGradient>(stop_gradient)};
}

}  // namespace mpsnn::metal
