#pragma once

#include <string>

#include "mpsnn/graph.hpp"

namespace mpsnn::metal {

/// Why MPS cannot run `node`, in `graph`, or its gradient if the graph has one; empty if it can.
std::string refusal(const Graph& graph, const Node& node);

/// Whether there is a node of MPS's, or some of them, for `op` at all.
bool knows(const Op& op);

}  // namespace mpsnn::metal
