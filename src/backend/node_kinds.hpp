#pragma once

#include "ops/op_spec.hpp"

/// What the engine itself does with a node.
namespace mpsnn {

/// Nodes that are storage, not work.
inline bool is_variable(const Node& node) {
  return std::holds_alternative<Parameter>(node.op) || std::holds_alternative<State>(node.op);
}

inline bool is_source(const Node& node) {
  return std::holds_alternative<Input>(node.op) || std::holds_alternative<Labels>(node.op) ||
         std::holds_alternative<Scalar>(node.op);
}

/// How many of its inputs it writes.
inline int write_count(const Node& node) {
  if (const auto* host = std::get_if<HostUpdate>(&node.op))
    return static_cast<int>(host->tensors.size());
  return spec(node.op).writes;
}

}  // namespace mpsnn
