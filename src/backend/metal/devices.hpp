#pragma once

#include <vector>

#include "mpsnn/backend.hpp"

namespace mpsnn::metal {

/// Every GPU that Metal finds, the one to use by default first: one with memory of its own before
/// one in the processor, and one that drives no display before one that does.
std::vector<Device> list_devices();

}  // namespace mpsnn::metal
