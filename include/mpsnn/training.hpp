#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// A gradient of the loss: d(mean over the batch's real images of loss) / d(value), or
/// d(loss) / d(value) where the loss has no batch axis.
/// `gradient` is absent where the loss does not depend on the value.
struct Gradient {
  ValueId value;
  ValueId gradient;
};

/// Appends, to `graph`, the gradient node of every node between `loss` and the
/// values in `wrt`, in reverse order; a value read twice gets the sum.
/// @throws ShapeError if `loss` is not one number, per image or for the batch.
std::vector<Gradient> add_gradients(Graph& graph, ValueId loss, std::span<const ValueId> wrt);

/// Appends the gradient node of the node that computes `y`, and returns the gradient of each
/// input that it is differentiable in, `dy` itself where no node is needed.
/// @throws ShapeError if `dy` is not like `y`, or no gradient passes that node.
std::vector<Gradient> add_gradient(Graph& graph, ValueId y, ValueId dy);

/// Every Parameter of `graph`, in the order they were added.
std::vector<ValueId> parameters(const Graph& graph);

/// An update rule, its starting learning rate, and what happens to gradients before it.
struct Optimizer {
  Op rule;  ///< Sgd, RmsProp or Adam.
  float learning_rate = 1e-3f;
  PrepareGradient gradient = {};
  float clip_norm = 0;  ///< Most that the norm of all gradients together may be; 0: any.
  int accumulate = 1;   ///< Steps whose mean gradient makes one update.
};

struct TrainingGraph {
  Graph graph;
  ValueId learning_rate;  ///< A Scalar, bound at every run. Absent: nothing uses it.
};

/// `graph` up to `loss`, its gradients, running statistics, and one update per
/// trainable parameter: the optimizer's, or its data source's own; and what `exports` need.
/// @throws ShapeError if the loss depends on no trainable parameter.
TrainingGraph training_graph(const Graph& graph, ValueId loss, const Optimizer& optimizer,
                             std::span<const ValueId> exports = {});
inline TrainingGraph training_graph(const Graph& graph, ValueId loss, const Op& rule) {
  return training_graph(graph, loss, Optimizer{rule});
}

/// What `outputs` need, with dropout gone and batch_norm on running statistics.
/// @throws ShapeError if that includes a gradient or a state of these two.
Graph inference_graph(const Graph& graph, std::span<const ValueId> outputs);

/// `graph` without the nodes that neither `keep` nor any update needs.
Graph eliminate_dead(const Graph& graph, std::span<const ValueId> keep);

/// A concat that only another one along the same axis reads becomes part of that one.
Graph flatten_concats(const Graph& graph);

/// In a graph that only infers, a batch_norm behind a conv2d or dense goes into its weights.
Graph fold_batch_norm(const Graph& graph, std::span<const ValueId> keep);

/// Whether a backend can run `neuron` as the end of `before`.
using FusionTest = std::function<bool(const Op& before, const Neuron& neuron)>;
/// conv2d, conv_transpose2d, dense, add: any neuron; batch_norm: relu.
bool any_fusion(const Op& before, const Neuron& neuron);

/// Fuses neurons into the op before them, where nobody else reads what is between and the
/// gradient of the neuron needs only its result; and moves the gradient of a relu in front of
/// a max_pool2d behind it, where the image is smaller. `keep` stays readable.
Graph fuse(const Graph& graph, std::span<const ValueId> keep,
           const FusionTest& can_fuse = any_fusion);

}  // namespace mpsnn
