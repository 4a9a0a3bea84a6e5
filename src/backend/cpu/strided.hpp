#pragma once

#include <algorithm>

#include "backend/kernel_backend.hpp"

namespace mpsnn::cpu {

/// Whether the output of the node, or of the forward node that it differentiates, or the dy of
/// that output, is part of another value. oneDNN's fast implementations need dense rows, and
/// the two directions must be of one maker, because of what they hand to each other.
inline bool is_strided(const KernelContext& k) {
  const ValueId y = k.node.gradient_of ? k.node.gradient_of : k.node.outputs[0];
  return k.graph.part(y) || std::ranges::any_of(k.graph.nodes(), [&](const Node& n) {
           return n.gradient_of == y && k.graph.part(n.inputs[0]);
         });
}

}  // namespace mpsnn::cpu
