#pragma once

#include <functional>
#include <span>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// Whether the kernel of a forward node may write its output, or that of a gradient node
/// read its dy, as a part of another value.
using StridedTest = std::function<bool(const Node&)>;

/// Lets producers write straight into a concatenation along the channels, and gradients read
/// straight out of its gradient, where nobody else needs the value. The concat then copies
/// nothing.
Graph place_concats(const Graph& graph, std::span<const ValueId> keep, const StridedTest& strided);

}  // namespace mpsnn
