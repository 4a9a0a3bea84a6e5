#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mpsnn/graph.hpp"

namespace mpsnn::metal {

/// A rule that the device applies to a parameter by itself.
struct DeviceRule {
  Node rule;
  const PrepareGradient* prepare = nullptr;  ///< In the graph.
};

/// Who updates what, of a training graph.
struct UpdatePlan {
  std::map<int, DeviceRule> device;          ///< By value index of the parameter's gradient.
  std::map<int, std::vector<Node>> running;  ///< Running statistics, by the batch_norm's y.
  std::vector<ValueId> host_gradients;       ///< Gradients that the host needs,
  std::vector<std::string> host_parameters;  ///< and what they are the gradients of.
  Graph host;                                ///< The updates of the host; they read these.

  bool on_host() const { return !host_gradients.empty(); }
};

/// The updates that are no optimizer of MPS's of one tensor are done on the host: clipping by norm,
/// accumulation, rules in Python, parameters that several nodes share.
UpdatePlan plan_updates(const Graph& graph);

/// The parameter that `value` is, or is another name of; null if it is none.
const Node* parameter_of(const Graph& graph, ValueId value);

}  // namespace mpsnn::metal
