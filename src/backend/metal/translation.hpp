#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/metal/image_batch.hpp"
#include "backend/metal/levels.hpp"
#include "backend/metal/parameters.hpp"
#include "backend/metal/recycled.hpp"
#include "backend/metal/sequence.hpp"
#include "backend/metal/sources.hpp"
#include "backend/metal/tape.hpp"
#include "backend/metal/updates.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// A value as the graph has it: its elements in the order of their memory, in an image that may
/// have another shape.
struct Image {
  Owned<MPSNNImageNode*> node;
  Shape shape;  ///< (height, width, channels)
};

/// A graph in the nodes of MPS.
class Translation {
 public:
  Translation(const Graph& graph, Gpu& gpu, MetalSession& session, const UpdatePlan& updates,
              const CurrentRun& current, std::span<const ValueId> outputs,
              const CompileOptions& options);

  const Graph& graph;
  Gpu& gpu;

  const Levels levels;
  const MPSImageFeatureChannelFormat gradient_format;

  /// Sources of the graphs: what the host writes (inputs, masks of dropout, labels that are read
  /// as images), and what sequences do (y and dx).
  struct Source {
    ValueId value;
    Shape shape;
    Owned<MPSNNImageNode*> node;
    const Dropout* mask = nullptr;  ///< Of the node, where the host draws one.
    bool of_sequence = false;
    Owned<MPSNNImageNode*> from = {};  ///< In the graph of another level, whose images these are.
  };
  std::vector<Source> sources;
  /// A recurrent node, between images. Those of the gradient are nil where there is none.
  struct Sequence {
    const Node* node;
    std::shared_ptr<SequenceLayer> layer;
    MPSNNImageNode *x, *y, *dy, *dx;
    int level;  ///< Of x.
  };
  std::vector<Sequence> sequences;
  struct LossNode {
    ValueId value;
    const Node* node;
    Owned<MPSNNFilterNode*> filter;
    Owned<MpsnnHandle*> handle;
    bool differentiated = false;
  };
  std::vector<LossNode> losses;
  /// Where the gradient of a parameter goes: by value index.
  struct Captured {
    std::shared_ptr<Parameters> parameters;
    int tensor;
    /// Its taps come the other way round, so many, each of so many elements; 0 if they do not.
    Dim taps = 0, inner = 0;
  };
  std::map<int, Captured> captured;
  /// Images of a level that nobody reads, of filters that are there for their updates.
  std::vector<MPSNNImageNode*> leaves(int level) const;
  /// The running statistics of a batch_norm, where the graph updates them.
  void add_running(const Node& norm, Parameters& parameters);
  /// The value in the shape that `graph` says, in another one, or as it is.
  MPSNNImageNode* image(ValueId value) {
    return image_as(value, image_shape(graph.desc(value).shape));
  }
  MPSNNImageNode* image_as(ValueId value, const Shape& shape);
  const Image& as_it_is(ValueId value);
  /// The value in the graph of its own level.
  const Image& at_home(ValueId value);
  std::vector<std::shared_ptr<Parameters>> all_parameters;
  /// For the tensors of one data source of `node`.
  std::shared_ptr<Parameters> parameters_of(const Node& node);
  std::vector<Owned<NSObject*>> kept;  ///< Nodes and data sources.

 private:
  friend struct NodeContext;
  void translate(const Node& node);
  void forward(const Node& node);
  void gradient(const Node& node);
  void take_apart(const Node& concat_gradient);
  void update_frozen_statistics();
  void sequence(const Node& node);
  void sequence_gradient(const Node& node, Sequence& at);
  std::shared_ptr<Parameters> gate_parameters(const Node& node, GatePlan& plan);
  std::vector<GateRows> gate_rows(Parameters& to, const Node& node, std::size_t input,
                                  std::size_t gates);
  MPSNNImageNode* add_source(ValueId value, const Shape& shape);
  MPSNNImageNode* add_sequence_source(ValueId value, const Shape& shape);
  std::shared_ptr<Parameters> parameters(const Node& node, const std::vector<int>& inputs);

  void add_tensor(const std::shared_ptr<Parameters>& to, const Node& parameter, const Node& reader,
                  ValueId gradient);
  ValueId gradient_of_input(const Node& forward, std::size_t input) const;
  Region region(const Node& variable) const;

  MetalSession& session_;
  const UpdatePlan& updates_;
  const CurrentRun& current_;
  const std::vector<ValueId> outputs_;
  const int slots_, batch_;
  using Key = std::pair<int, int>;  ///< Value index and level.
  Key home(ValueId value) const { return {value.index, levels.of(value)}; }
  const Image& carry_over(ValueId value);

  int level_ = 0;  ///< Of what is translated now.
  std::map<Key, Image> images_;
  struct Forward {
    Tape tape;
    std::vector<MPSNNImageNode*> inputs;  ///< Of the node, nil where they are no image.
    std::vector<Shape> shapes;            ///< Of these images.
    MPSNNImageNode* result = nil;
    Shape shape;  ///< Of it.
    std::shared_ptr<Parameters> parameters;
  };
  std::map<int, Forward> forward_;  ///< By the index of the node's first output.
  std::vector<std::pair<MPSNNImageNode*, int>> updating_;  ///< With their levels.
  std::vector<MPSNNImageNode*> read_;
};

/// What the function that translates one node works with.
struct NodeContext {
  Translation& all;
  const Node& node;
  Tape& tape;
  std::vector<MPSNNImageNode*>& inputs;
  std::vector<Shape>& shapes;
  Shape& shape;  ///< Of the image that is returned; at first that which the graph says.
  std::shared_ptr<Parameters>& parameters;

  template <class T>
  const T& op() const {
    return std::get<T>(node.op);
  }
  /// The shape of a value, as an image.
  Shape in(int i) const { return image_shape(all.graph.desc(node.inputs[i]).shape); }
  Shape out() const { return image_shape(all.graph.desc(node.outputs[0]).shape); }
  const Shape& raw(int i) const { return all.graph.desc(node.inputs[i]).shape; }
  bool has(int i) const {
    return i < static_cast<int>(node.inputs.size()) && static_cast<bool>(node.inputs[i]);
  }
  /// Input `i`, as an image of its shape. One that an earlier input is too comes through a copy.
  MPSNNImageNode* image(int i);
  /// Input `i` in whatever shape it is.
  const Image& as_it_is(int i);
  /// The parameters among the inputs at these places, as one data source lends them.
  Parameters& lend(const std::vector<int>& inputs);
  void hold(NSObject* object) { all.kept.push_back(keep(object)); }
  MPSNNImageNode* neuron(MPSNNImageNode* x, MPSCNNNeuronType type, float a = 0, float b = 0,
                         float c = 0);
};

/// Axis of the image, 0 to 2, that axis `axis` of a value of this rank is.
inline int image_axis(int axis, int rank) { return axis < 0 ? 3 + axis : axis + 3 - rank; }

/// Elements `first` to `first + extent` of `x`, (height, width, channels), along an axis.
MPSNNImageNode* part_of(NodeContext& context, MPSNNImageNode* x, const Shape& of_x, int axis,
                        Dim first, Dim extent);

/// Every `step`-th pixel from `start`, as many as `size` has rows and columns: a pooling over one
/// pixel, which has a gradient, where a slice has none.
MPSNNImageNode* crop(Tape& tape, MPSNNImageNode* x, const Shape& size, Size2 start, Size2 step);

/// Translates a forward node, and returns its first output. @throws UnsupportedError
MPSNNImageNode* translate_node(NodeContext& context);

using Translate = MPSNNImageNode* (*)(NodeContext&);
/// By index in Op.
using NodeTable = std::map<std::size_t, Translate>;
template <class T>
NodeTable::value_type on(Translate f) {
  return {Op(T{}).index(), f};
}
NodeTable convolution_nodes();
NodeTable elementwise_nodes();
NodeTable layout_nodes();
NodeTable normalization_nodes();
NodeTable pooling_nodes();
NodeTable reduction_nodes();

}  // namespace mpsnn::metal
