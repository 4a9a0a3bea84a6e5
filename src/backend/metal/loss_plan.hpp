#pragma once

#include <string>

#include "mpsnn/graph.hpp"

namespace mpsnn::metal {

/// Whether a loss is what a graph minimizes, of labels that are bound to each run: MPS then has
/// the loss and its gradient in one node, which the labels bring. Else it is a node like others,
/// of labels that are an image.
bool is_direct_loss(const Graph& graph, const Node& node);

/// Why such a node cannot be; empty if it can.
std::string loss_refusal(const Graph& graph, const Node& node);

/// What a Loss and a YoloLoss have in common.
struct LossTraits {
  Reduction reduction;
  float weight;
  bool strict = false, cosine = false, softmax = false;

  explicit LossTraits(const Op& op);
};

}  // namespace mpsnn::metal
