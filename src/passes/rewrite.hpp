#pragma once

#include <span>
#include <vector>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// How often each value is read, by value index; a kept value counts as read once more.
inline std::vector<int> read_counts(std::span<const Node> nodes, int values,
                                    std::span<const ValueId> keep) {
  std::vector<int> count(values);
  for (const Node& node : nodes) {
    for (ValueId v : node.inputs) {
      if (v) ++count[v.index];
    }
  }
  for (ValueId v : keep) ++count[v.index];
  return count;
}

}  // namespace mpsnn
