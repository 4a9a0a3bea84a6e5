#pragma once

#include <span>

#include "mpsnn/training.hpp"

namespace mpsnn {

/// Computes once what two calls of add_gradients asked for, as a trainer does that exports
/// gradients; `gradients` are told where theirs are now. Values in `keep` stay.
Graph merge_gradients(const Graph& graph, std::span<const ValueId> keep,
                      std::span<Gradient> gradients);

}  // namespace mpsnn
