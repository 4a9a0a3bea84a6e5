#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mpsnn/graph.hpp"

namespace mpsnn {

/// What the planner is asked for: `bytes[v]` of value v, 0 for those that live
/// elsewhere, and `scratch[n]` that node n alone needs.
struct MemoryRequest {
  std::vector<std::size_t> bytes;
  std::vector<std::size_t> scratch;
  std::vector<ValueId> keep;  ///< Live until the end of the run.
};

/// Memory shared by the values of one alias set: a value, what overwrote it in
/// place and its reshapes.
struct PlannedBuffer {
  std::size_t bytes = 0;
  int first = 0;  ///< The node that writes it first, and the last that reads it.
  int last = 0;
  std::size_t offset = 0;
};

/// Where each intermediate value lives in one shared arena. Two buffers may
/// overlap only if no node needs both.
struct MemoryPlan {
  static constexpr int unplanned = -1;

  std::vector<PlannedBuffer> buffers;
  std::vector<int> value;    ///< Buffer of each value, by value index; or `unplanned`.
  std::vector<int> scratch;  ///< Buffer of each node, by node index; or `unplanned`.
  std::size_t bytes = 0;     ///< Size of the arena.
  std::size_t unshared = 0;  ///< Sum over all values and scratch.
};

/// Values are aliased where an op allows it, then buffers are placed greedily,
/// largest first, in the lowest gap that is free for their whole life
/// (Pisarchyk & Lee 2020, arXiv:2001.03288).
MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request);

}  // namespace mpsnn
