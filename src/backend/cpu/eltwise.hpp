#pragma once

#include <optional>

#include "backend/kernel_backend.hpp"
#include "oneapi/dnnl/dnnl.hpp"

namespace mpsnn::cpu {

/// A neuron as oneDNN knows it.
struct Eltwise {
  dnnl::algorithm forward;
  dnnl::algorithm backward;  ///< The one that reads what the neuron's gradient reads.
  float alpha = 0, beta = 0;
};

/// Nothing for the neurons, or parameters of them, that oneDNN does not have.
std::optional<Eltwise> eltwise(const Neuron& neuron);

/// Whether a few instructions compute it: then a loop of ours is as fast as memory.
bool is_cheap(const Neuron& neuron);

}  // namespace mpsnn::cpu
