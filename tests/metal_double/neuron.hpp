#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <memory>

#include "mpsnn/ops.hpp"

namespace metal_double {

/// What MPS calls this neuron; linear, doing nothing, for nil.
mpsnn::Neuron neuron_of(MPSNNNeuronDescriptor* descriptor);

/// The layer that a descriptor of recurrence says.
std::shared_ptr<StandInRecurrent> recurrent_of(MPSRNNDescriptor* descriptor);

}  // namespace metal_double
