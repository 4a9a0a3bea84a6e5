#pragma once

#include <vector>

#include "mpsnn/graph.hpp"

namespace mpsnn::metal {

/// Where a graph is cut at its sequences, which no graph of MPS's has: the values in front of the
/// first have level 0, those behind it level 1, and so on. The gradients of a level are computed
/// there too. A node may read a value of another level, which is carried over as an image.
struct Levels {
  static constexpr int any = -1;  ///< What the host gives is to be had everywhere.

  explicit Levels(const Graph& graph);
  int of(ValueId value) const { return level[value.index]; }
  bool is_gradient(ValueId value) const { return gradient[value.index]; }

  std::vector<int> level;
  std::vector<bool> gradient;
  int last = 0;
};

/// Whether MPS runs it as a layer over matrices.
bool is_sequence(const Op& op);

}  // namespace mpsnn::metal
