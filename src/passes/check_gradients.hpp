#pragma once

#include <set>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// The values, by index, that carry the scale of the loss: gradients of it, up to where an update
/// or what prepares one has divided by the scale.
std::set<int> scaled_gradients(const Graph& graph);

/// Puts a check_gradients node behind all that is no update, and every update behind it, so that a
/// step that overflows changes nothing.
Graph check_gradients(const Graph& graph);

}  // namespace mpsnn
