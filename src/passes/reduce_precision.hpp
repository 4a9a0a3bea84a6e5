#pragma once

#include <functional>
#include <span>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// What a kernel can do in numbers of a reduced type.
enum class Reduced : std::uint8_t {
  never,    ///< Its batched values are float32.
  follows,  ///< It takes what it is given: little work for each element.
  leads,    ///< It wants them reduced, where that is faster: the matrix products.
};
using ReducedTest = std::function<Reduced(const Node&)>;

/// Makes the batched float32 values between nodes that can have them so values of `dtype`, with a
/// cast wherever they meet others. Parameters, statistics and values in `keep` stay as they are. A
/// gradient node is reduced if its forward node is.
Graph reduce_precision(const Graph& graph, std::span<const ValueId> keep, DType dtype,
                       const ReducedTest& test);

}  // namespace mpsnn
