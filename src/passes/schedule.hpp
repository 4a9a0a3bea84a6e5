#pragma once

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// Moves every update right behind the last node that it has to wait for, so that
/// a gradient is used while it is in the cache and its memory is free again at
/// once; but behind `loss`, so that a step whose loss is not finite changes
/// nothing. A graph with a host_update keeps its order, user code before the
/// optimizer: if it fails, no update of the optimizer has happened.
Graph schedule_updates(const Graph& graph, ValueId loss);

/// Whether it is a concat of parameters along their first axis, which a session keeps side by
/// side: see KernelSession::add_variables.
bool joins_parameters(const Graph& graph, const Node& node);

}  // namespace mpsnn
