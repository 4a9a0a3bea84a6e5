#pragma once

#include <vector>

#include "backend/metal/parameters.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// Rows of a parameter that are those of one gate.
struct GateRows {
  int tensor = -1;       ///< Of the Parameters; -1: there are none.
  NSUInteger first = 0;  ///< Element.
};

/// What of a recurrent node is where: per gate, in the order of the op.
struct GatePlan {
  std::vector<GateRows> weight, recurrent, bias, peephole;
  bool diagonal = false;
};

/// A recurrent node, as MPS's training layer: over matrices of (images, channels), one per step,
/// that are views of one (images, steps * channels).
class SequenceLayer {
 public:
  SequenceLayer(const Graph& graph, const Node& node, GatePlan plan,
                std::shared_ptr<Parameters> parameters, int batch);

  /// Computes y from x; both are images of one row, a pixel per step.
  void forward(id<MTLCommandBuffer> buffer, MPSImageBatch* x, MPSImageBatch* y);
  /// Computes dx, unless it is nil, and the gradients of the parameters, of the run that `forward`
  /// was encoded for last.
  void backward(id<MTLCommandBuffer> buffer, MPSImageBatch* dy, MPSImageBatch* dx);

  const Shape x_shape, y_shape;

 private:
  struct Weight {
    MPSRNNMatrixId id;
    GateRows rows;
    NSUInteger height, width;
  };
  struct Steps {
    Region memory;
    NSUInteger channels = 0;
  };
  void add_gate(std::size_t gate, MPSRNNMatrixId w, MPSRNNMatrixId u, MPSRNNMatrixId b);
  MPSRNNDescriptor* lstm(const Lstm& op);
  MPSRNNDescriptor* gru(const Gru& op);
  MPSRNNDescriptor* mgu(const Mgu& op);
  MPSRNNDescriptor* rnn(const Rnn& op);
  id<MPSCNNConvolutionDataSource> source(const GateRows& weight, NSUInteger width,
                                         const GateRows* bias, const Neuron* neuron);
  Owned<MPSMatrix*> matrix(const std::vector<Region>& from, const Weight& w) const;
  void copy_weights(id<MTLCommandBuffer> buffer);
  void take_gradients(id<MTLCommandBuffer> buffer);
  Owned<MPSMatrix*> whole(const Steps& steps, NSUInteger images) const;
  Owned<NSArray<MPSMatrix*>*> views(const Steps& steps, NSUInteger images) const;
  std::vector<NSUInteger> offsets(const Steps& steps) const;

  const GatePlan plan_;
  const std::shared_ptr<Parameters> parameters_;
  const NSUInteger steps_, in_, out_;
  bool reverse_ = false;
  std::vector<Region> masters_, gradients_;  ///< By tensor.
  std::vector<Weight> weights_;
  Steps x_, y_, dy_, dx_;
  Owned<MPSRNNMatrixTrainingLayer*> layer_;
  Owned<NSMutableArray<MPSMatrix*>*> matrices_, gradient_matrices_;
  Owned<NSMutableArray<MPSRNNMatrixTrainingState*>*> states_;
  Owned<MPSImageCopyToMatrix*> to_matrix_;
  Owned<MPSMatrixCopyToImage*> to_image_;
  std::vector<Owned<NSObject*>> kept_;
};

/// The MPSNNNeuronDescriptor of a neuron that MPS has; nil if it has none.
MPSNNNeuronDescriptor* neuron_descriptor(const Neuron& neuron);

}  // namespace mpsnn::metal
